"""What names a result, and which code it stands for: fields that enter keys, parts, recipes.lock."""
