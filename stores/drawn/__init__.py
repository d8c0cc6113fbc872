"""How the generated data set is made: its plan, its views, its life, its incidents, its files."""
