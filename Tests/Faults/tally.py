"""What a test has shown, in numbers: told when it ends, and once more at the end of the run."""

MARK = "  = "


def tell(text):
    print(f"\n{MARK}{text}", flush=True)


def lines(output):
    return [line for line in output.splitlines() if line.startswith(MARK)]
