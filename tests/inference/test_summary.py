from sklogloss.inference import infer


def test_summary_has_a_line_for_each_coefficient(binary, results, fitted):
    X, y = binary
    result = infer(fitted(X, y), X, y)
    text = str(result.summary(0.9))
    assert "[0.05" in text
    lines = text.splitlines()
    assert len(set(map(len, lines[-6:]))) == 1
    assert [line.split()[0] for line in lines[-6:-1]] == ["intercept", *X.columns]
    assert float(next(line for line in lines if line.startswith("age")).split()[1]) == round(
        result.params["age"], 4
    )
    html = result._repr_html_()
    assert html.count("<table>") == 2
    assert "<td>age</td>" in html
    assert results[0].summary()._repr_html_().count("<table>") == 7
    assert list(result.summary_frame().columns) == [
        "coef", "std err", "z", "P>|z|", "[0.025", "0.975]",
    ]  # fmt: skip
