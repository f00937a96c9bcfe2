"""The answer of a comparison in words: faster or slower, more or less accurate, what stands out, what is red, what did not come out."""


def sentences(made):
    """The answer: a list of sentences.

    Args:
        made: rows.Comparison, without its answer.
    """
    return [f"{made.here} against {made.against}: {len(made.rows)} rows."]
