"""The frame of a page: head, style, title, footer."""

from __future__ import annotations

from typing import Final

from fieldfare.report.html.markup import Html, element, joined

__all__ = ["badge", "cards", "commands", "page"]

STYLE: Final = """
:root{color-scheme:light dark;--back:#fbfaf8;--card:#fff;--text:#23201c;--quiet:#6a635a;--line:#ddd7ce;--code:#f3f0ea;
--good:#2c7a45;--bad:#b3261e;--warn:#8a5a00;--out:#b3261e22;--out-edge:#b3261e;
--c0:#2f6fb0;--c1:#c26a12;--c2:#3d8a55;--c3:#7a5aa8;--c4:#a8517d;--c5:#64748b;--plus:#e3f3e6;--minus:#fbe6e3}
@media (prefers-color-scheme:dark){:root{--back:#191715;--card:#23201d;--text:#ece7e0;--quiet:#a89f94;--line:#413b35;
--code:#2c2824;--good:#74c48b;--bad:#ff8a80;--warn:#e6b450;--out:#ff8a8030;--out-edge:#ff8a80;--c0:#77aee6;--c1:#eda15c;
--c2:#7fc796;--c3:#b79ae0;--c4:#e094ba;--c5:#9fb0c5;--plus:#1d3a26;--minus:#4a2320}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 .75rem}h3{font-size:1rem;margin:1.25rem 0 .5rem;overflow-wrap:anywhere}
p{margin:.5rem 0;overflow-wrap:anywhere}
ul{margin:.5rem 0;padding-left:1.25rem}li{overflow-wrap:anywhere;margin:.25rem 0}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.1rem 1.2rem;margin:1rem 0}
.quiet,footer{color:var(--quiet)}footer{font-size:.85rem;margin-top:1.5rem}
.good{color:var(--good)}.bad{color:var(--bad)}.warn{color:var(--warn)}
.badge{display:inline-block;border:1px solid currentColor;border-radius:99px;padding:0 .55rem;font-size:.8rem;
margin:0 .35rem .25rem 0;overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;margin:1rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:.7rem .9rem}
.card b{display:block;font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}.card span{font-size:.85rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th{text-align:left;font-weight:600;color:var(--quiet);white-space:nowrap}
th,td{padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
td{overflow-wrap:anywhere;min-width:4.5rem}.verdict{white-space:nowrap}.lines{white-space:pre-line}
@media (min-width:48rem){.stack td:first-child{min-width:9rem}.checks td:first-child{min-width:14rem}}
tr:last-child td{border-bottom:0}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.85rem}
pre{background:var(--code);border-radius:8px;padding:.7rem .9rem;overflow-x:auto;margin:.5rem 0;white-space:pre}
pre.command{white-space:pre-wrap;overflow-wrap:anywhere}
pre .plus{background:var(--plus);display:block}pre .minus{background:var(--minus);display:block}
pre .same{display:block}pre .gap{display:block;color:var(--quiet)}
.rows{display:grid;grid-template-columns:minmax(8rem,15rem) 1fr 5.5rem;column-gap:.9rem}
.rows>div{padding:.2rem 0;font-size:.88rem;overflow-wrap:anywhere;align-self:center}
.rows>.bar{padding:0;align-self:stretch;min-height:1.9rem;position:relative}
.rows svg{position:absolute;inset:0;width:100%;height:100%}
.rows>.figure{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
svg text{fill:var(--quiet);font-size:12px}svg.chart{display:block;width:100%;height:7rem}
.legend{font-size:.85rem;color:var(--quiet);margin:.35rem 0}.legend span{margin-right:1rem;white-space:nowrap}
.legend i{display:inline-block;width:.75em;height:.75em;border-radius:2px;margin-right:.35em}
.out{fill:var(--out)}.out-solid{fill:var(--out-edge)}.grid{stroke:var(--line);stroke-width:1}
.resume{stroke:var(--quiet);stroke-dasharray:3 3}.limit{stroke:var(--text);stroke-width:2}
.track{fill:var(--code)}
.c0{fill:var(--c0);background:var(--c0)}.c1{fill:var(--c1);background:var(--c1)}.c2{fill:var(--c2);background:var(--c2)}
.c3{fill:var(--c3);background:var(--c3)}.c4{fill:var(--c4);background:var(--c4)}.c5{fill:var(--c5);background:var(--c5)}
.legend .out,.legend .out-solid{background:var(--out);border:1px solid var(--out-edge)}
@media (max-width:40rem){main{padding:1rem .6rem 2rem}section{padding:.9rem .8rem}
.rows{grid-template-columns:1fr 5.5rem}.rows>.bar{grid-column:1/-1;min-height:1.4rem}.rows>.figure{grid-column:2}
.rows>div:not(.bar){padding:.3rem 0 0;align-self:end}
.stack thead{display:none}.stack tr,.stack td{display:block}
.stack tr{padding:.5rem 0;border-bottom:1px solid var(--line)}
.stack td{border:0;padding:0;text-align:left}.stack td:first-child{font-weight:600}
.stack td:not(:first-child)::before{content:attr(data-label) ": ";color:var(--quiet)}.stack td:empty{display:none}
.rows{grid-auto-flow:dense}.row-label{grid-column:1}}
details{margin:1rem 0}summary{cursor:pointer;font-weight:600;overflow-wrap:anywhere}
@media print{body{background:#fff}section,.card{break-inside:avoid}}
"""

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""A browser loads nothing and runs nothing, whatever the page says."""


def page(title: str, *content: object) -> str:
    """Return a whole page.

    Args:
        title: the title of the window, as text.
        content: markup.
    """
    head = joined(
        [
            element("meta", charset="utf-8"),
            element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
            element("meta", http_equiv="Content-Security-Policy", content=POLICY),
            element("title", title),
            Html(f"<style>{STYLE}</style>"),
        ]
    )
    body = element("body", element("main", *content))
    return f"<!doctype html>\n{element('html', element('head', head), body, lang='en')}\n"


def badge(text: str, kind: str = "quiet") -> Html:
    """Return a short remark with a frame; kinds are ``good``, ``bad``, ``warn`` and ``quiet``."""
    return element("span", text, class_=f"badge {kind}")


def cards(facts: dict[str, str]) -> Html:
    """Return figures that stand out: title → value."""
    return element(
        "div",
        *(
            element("div", element("b", value), element("span", title, class_="quiet"), class_="card")
            for title, value in facts.items()
        ),
        class_="cards",
    )


def commands(lines: dict[str, str]) -> list[Html]:
    """Return commands with what each does: what → command."""
    return [
        part
        for what, command in lines.items()
        for part in (element("p", what), element("pre", command, class_="command"))
    ]
