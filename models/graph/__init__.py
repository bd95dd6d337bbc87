"""Networks on skeletons as graphs: 2s-AGCN, AAGCN, CTR-GCN, ST-GCN, and SF-Head in them (SPEC 2.3 and 5)."""
