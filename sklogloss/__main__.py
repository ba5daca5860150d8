"""``python -m sklogloss`` prints the versions that a bug report needs."""

from sklogloss._show_versions import show_versions

if __name__ == "__main__":
    show_versions()
