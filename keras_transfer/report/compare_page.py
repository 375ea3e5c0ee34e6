"""The template of compare.html, for Jinja2 with autoescape."""

MARK = '<meta name="generator" content="keras_transfer compare">'  # a page of ours, to write over

PAGE = (
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
"""
    + MARK
    + """
<title>Compared runs: {{ found.runs | map(attribute="name") | join(", ") }}</title>
<style>
:root { color-scheme: light dark; --text: #1c1f23; --quiet: #5a626c; --ground: #fff;
  --line: #d9dde2; --accent: #1f5fae; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e8eb; --quiet: #a0a8b2; --ground: #16191d; --line: #353b43;
    --accent: #7db4f5; }
}
body { margin: 0 auto; max-width: 66rem; padding: 1rem; color: var(--text);
  background: var(--ground); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.quiet { color: var(--quiet); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: .35rem .9rem .35rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); white-space: nowrap; }
td.name { white-space: normal; min-width: 9rem; overflow-wrap: anywhere; }
th { font-weight: 600; }
svg { display: block; width: 9rem; height: 1rem; }
svg line { stroke: var(--accent); stroke-width: 2; vector-effect: non-scaling-stroke; }
.best td:first-child { font-weight: 600; }
.clear td { color: var(--accent); }
li.note { color: var(--quiet); }
</style>
</head>
<body>
<h1>Compared runs</h1>
<p class="quiet">{{ what }}.</p>
<ul>
{% for line in lines %}
<li>{{ line }}</li>
{% endfor %}
{% for note in found.notes %}
<li class="note">Note: {{ note }}.</li>
{% endfor %}
</ul>

<h2>Each run</h2>
<div class="wide" tabindex="0" role="region" aria-label="Each run">
<table>
<thead><tr>
{% for column in columns %}
<th scope="col">{{ column }}{% if loop.index == 2 %} <span class="quiet">{{ axis[0] }} to {{
  axis[1] }}</span>{% endif %}</th>
{% endfor %}
</tr></thead>
<tbody>
{% for run, row in rows %}
<tr{% if loop.first %} class="best"{% endif %}>
{% for text in row %}
<td{% if loop.first %} class="name"{% endif %}>{{ text }}
{% if loop.index == 2 and run.score.value is not none %}
<svg viewBox="0 0 100 16" preserveAspectRatio="none" aria-hidden="true">
{% if run.score.low is not none %}
<line x1="{{ place(run.score.low) }}" x2="{{ place(run.score.high) }}" y1="8" y2="8"/>
{% endif %}
<line x1="{{ place(run.score.value) }}" x2="{{ place(run.score.value) }}" y1="2" y2="14"/>
</svg>
{% endif %}
</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
<p class="quiet">Scores have 95 % intervals. Two of them may overlap and the difference still be
more than chance: runs are compared example by example, below. MiB and ms are of exported files, ms
the median of one example; seconds are of the whole training, less where stored features were
reused.</p>

<h2>Each pair</h2>
<div class="wide" tabindex="0" role="region" aria-label="Each pair">
<table>
<thead><tr><th scope="col">better</th><th scope="col">other</th>
<th scope="col">difference, 95 % interval</th><th scope="col">p</th>
<th scope="col">p after Holm</th><th scope="col">more than chance</th></tr></thead>
<tbody>
{% for pair, difference, p in pairs %}
<tr{% if pair.more_than_chance %} class="clear"{% endif %}>
<td class="name">{{ pair.one }}</td><td class="name">{{ pair.other }}</td>
<td>{{ difference }}</td><td>{{ p }}</td><td>{{ p_text(pair.p_holm) }}</td>
<td>{{ "yes" if pair.more_than_chance else "no" }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
<p class="quiet">The test: {{ found.test }}, two-sided, of the
{{ found.paired_score | replace("_", " ") }} of each example.
{% if found.pairs | length > 1 %}
Holm's correction (1979) is for all {{ found.pairs | length }} pairs: with it, the chance to call
any two runs different that are not is {{ chance }} at most. Intervals are of each pair alone.
{% endif %}
</p>
</body>
</html>
"""
)
