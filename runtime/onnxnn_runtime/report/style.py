"""How the page looks: dark on white, on a phone and on paper alike."""

from __future__ import annotations

GOOD, BAD = (11, 110, 117), (179, 71, 27)
"""The colours of what is right and of mistakes, RGB."""

SCOPE = ".onnxnn-report"
"""The class of what holds a report, so that in a notebook nothing else changes its looks."""

STYLE = """
.onnxnn-report{--ink:#16262b;--soft:#53656b;--line:#d8e1e4;--good:#0b6e75;--bad:#b3471b;--tint:#eef5f5;
background:#fff;color:var(--ink);max-width:62rem;margin:0 auto;padding:1.5rem 1.1rem 3rem;
overflow-wrap:anywhere;
font:1rem/1.55 system-ui,-apple-system,"Segoe UI","PingFang SC","Noto Sans CJK SC","Noto Sans SC",
"Microsoft YaHei",sans-serif}
.onnxnn-report *{box-sizing:border-box}
.onnxnn-report h1{font-size:1.7rem;line-height:1.25;margin:0 0 .3rem}
.onnxnn-report h2{font-size:1.2rem;margin:0 0 .5rem;padding-top:1.5rem;border-top:1px solid var(--line)}
.onnxnn-report h3{font-size:1rem;margin:1.2rem 0 .4rem}
.onnxnn-report section{margin-top:1.8rem}
.onnxnn-report p{margin:0 0 .8rem;max-width:44rem}
.onnxnn-report .soft{color:var(--soft);font-size:.93rem}
.onnxnn-report .lead{font-size:1.08rem}
.onnxnn-report .tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));grid-gap:.8rem;
margin:1.1rem 0}
.onnxnn-report .tile{border:1px solid var(--line);border-radius:12px;padding:.8rem 1rem}
.onnxnn-report .tile:first-child{background:var(--tint);border-color:#bcd9d9}
.onnxnn-report .figure{font-size:1.8rem;line-height:1.2;font-weight:650;color:var(--good);
font-variant-numeric:tabular-nums}
.onnxnn-report .label{font-weight:550}
.onnxnn-report .more{color:var(--soft);font-size:.88rem}
.onnxnn-report .notes{border-left:4px solid #d9862b;background:#fff8ee;border-radius:0 10px 10px 0;
padding:.7rem 1rem;margin:1rem 0}
.onnxnn-report .notes ul{margin:.2rem 0 0;padding-left:1.2rem}
.onnxnn-report .scroll{overflow-x:auto;margin:0 0 1rem}
.onnxnn-report table{border-collapse:collapse;overflow-wrap:break-word;
font-variant-numeric:tabular-nums;margin:0}
.onnxnn-report .plain{width:100%;min-width:19rem}
.onnxnn-report th,.onnxnn-report td{text-align:left;padding:.4rem .6rem;background:none;vertical-align:middle}
.onnxnn-report .plain th{color:var(--soft);font-size:.9rem;font-weight:550;
border-bottom:1px solid var(--line)}
.onnxnn-report .plain td{border-bottom:1px solid #eef2f3}
.onnxnn-report .plain td:first-child{max-width:15rem}
.onnxnn-report .meter{display:block;position:relative;background:#eef2f3;border-radius:5px;min-width:4rem;
height:1.6rem;overflow:hidden}
.onnxnn-report .bar{position:absolute;left:0;top:0;bottom:0;background:#9fd0d0}
.onnxnn-report .share{position:relative;padding-left:.5rem;line-height:1.6rem;font-size:.92rem}
.onnxnn-report .matrix{border-spacing:3px;border-collapse:separate;margin:.3rem 0}
.onnxnn-report .matrix td{text-align:center;min-width:2.6rem;height:2.6rem;padding:.1rem .25rem;
border-radius:6px}
.onnxnn-report .matrix th{font-weight:550;font-size:.92rem;padding:.2rem .4rem}
.onnxnn-report .matrix thead th{vertical-align:bottom;text-align:center;max-width:2.6rem;height:2rem}
.onnxnn-report .matrix thead th span{writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap;
max-height:9rem;overflow:hidden}
.onnxnn-report .matrix thead th.short span{writing-mode:horizontal-tb;transform:none}
.onnxnn-report .matrix tbody th{text-align:right;white-space:nowrap}
.onnxnn-report .matrix .axis{color:var(--soft);font-weight:400;text-align:left;white-space:nowrap}
.onnxnn-report .photos{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));grid-gap:1rem;
margin:0 0 1rem}
.onnxnn-report figure{margin:0;break-inside:avoid}
.onnxnn-report .frame{background:#f2f5f6;border:1px solid var(--line);border-radius:10px;height:9rem;
display:flex;
align-items:center;justify-content:center;overflow:hidden}
.onnxnn-report .frame img{max-width:100%;max-height:100%;display:block;margin:0}
.onnxnn-report .frame img.tiny{width:100%;height:100%;object-fit:contain;image-rendering:pixelated}
.onnxnn-report figcaption{font-size:.92rem;line-height:1.4;margin-top:.35rem}
.onnxnn-report .file{color:var(--soft);font-size:.82rem}
.onnxnn-report .right{color:var(--good);font-weight:600}
.onnxnn-report .wrong{color:var(--bad);font-weight:600}
.onnxnn-report .pairs{grid-template-columns:repeat(auto-fill,minmax(15rem,1fr))}
.onnxnn-report .pair{display:grid;grid-template-columns:1fr 1fr;grid-gap:.4rem}
.onnxnn-report .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));grid-gap:1.2rem;
align-items:start;margin:0 0 1rem}
.onnxnn-report svg{display:block;width:100%;max-width:27rem;height:auto}
.onnxnn-report svg text{font-size:12px;fill:#53656b}
.onnxnn-report .steps{columns:1}
@media (max-width:30rem){.onnxnn-report th,.onnxnn-report td{padding:.35rem .4rem}}
@media print{.onnxnn-report{padding:0;max-width:none;font-size:10.5pt;-webkit-print-color-adjust:exact;
print-color-adjust:exact}.onnxnn-report h2{break-after:avoid}.onnxnn-report .scroll{overflow:visible}
.onnxnn-report .tile,.onnxnn-report tr{break-inside:avoid}
.onnxnn-report .photos{grid-template-columns:repeat(5,1fr)}
.onnxnn-report .pairs{grid-template-columns:repeat(3,1fr)}}
"""
"""The style sheet."""

PAGE = "body{margin:0;background:#fff}" + STYLE.replace("\n", "")
"""The same, for a page of its own."""


def shade(value: float, is_right: bool) -> tuple[str, str]:
    """Return the background and the ink of a cell of a confusion matrix.

    Args:
        value: The share of its row, 0..1.
        is_right: Whether it stands on the diagonal.
    """
    if value <= 0:
        return "#f4f6f7", "#9aa9ae"
    strength = 0.15 + 0.85 * value**0.7
    color = GOOD if is_right else BAD
    mixed = [round(255 - (255 - each) * strength) for each in color]
    return "#{:02x}{:02x}{:02x}".format(*mixed), "#ffffff" if strength > 0.62 else "#16262b"
