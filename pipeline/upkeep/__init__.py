"""What `cache …` asks of the stores of a project: what is there, is it whole, what was it made of."""
