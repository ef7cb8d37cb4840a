"""How the notebooks run and become one page."""
