"""Keys of results and the code behind them: fields that enter keys, parts, recipes.lock."""
