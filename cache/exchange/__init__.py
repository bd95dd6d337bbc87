"""Exchange of stores with others: exported as one file, imported and checked, compared, merged."""
