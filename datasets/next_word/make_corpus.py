"""Makes corpus.parquet from Debian's package debian-handbook: the prose of one book in Spanish and in English.

    apt-get download debian-handbook && dpkg-deb -x debian-handbook_*.deb handbook
    python datasets/next_word/make_corpus.py handbook/usr/share/doc/debian-handbook/html

Only whole paragraphs of prose are kept: no commands, tables, titles, licences or tables of contents. Paragraphs of the
Spanish book that nobody has translated yet are left out.
"""

import re
import sys
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from bs4 import BeautifulSoup

FOLDERS = {"es": "es-ES", "en": "en-US"}
LEFT_OUT = {"index.html", "ix01.html", "sect.acknowledgments.html", "sect.legal.html"}
TEST_SHARE = 0.12  # of the pages
COMMON = {
    "es": "el la los las de del que en un una con para por se no es y o su al como este esta lo más",
    "en": "the of to and a in is that for with it this be on as are by can or an not which from",
}
COLUMNS = {"lang": pa.string(), "page": pa.string(), "split": pa.string(), "text": pa.string()}


def is_in(lang: str, text: str) -> bool:
    """Whether the common words of `text` are those of `lang` rather than the other's."""
    words = re.findall(r"\w+", text.lower())
    counts = {name: sum(word in common.split() for word in words) for name, common in COMMON.items()}
    return counts[lang] > counts["en" if lang == "es" else "es"]


def paragraphs(file: Path, lang: str) -> list[str]:
    """The paragraphs of prose of one page, white space normalised, in order and without repetitions."""
    soup = BeautifulSoup(file.read_bytes(), "html.parser")
    for unwanted in soup.select("pre, table, .toc, .docnav, .legalnotice, .titlepage"):
        unwanted.decompose()
    texts = []
    for block in reversed(soup.select(".para, p")):  # the innermost first: what is taken out is not seen again outside
        text = re.sub(r"\s+", " ", block.extract().get_text()).strip()
        if len(text.split()) >= 6 and text[-1] in ".:;!?)»”" and is_in(lang, text):
            texts.append(text)
    return list(dict.fromkeys(reversed(texts)))


def split(page: str) -> str:
    """The same page is kept for the test in both languages, or the translation would be known."""
    return "test" if sha256(page.encode()).digest()[0] / 256 < TEST_SHARE else "train"


def main(html: Path) -> None:
    rows = []
    for lang, folder in FOLDERS.items():
        for file in sorted((html / folder).glob("*.html")):
            if file.name not in LEFT_OUT:
                rows += [
                    {"lang": lang, "page": file.stem, "split": split(file.stem), "text": text}
                    for text in paragraphs(file, lang)
                ]
    table = pa.Table.from_pylist(rows, schema=pa.schema(COLUMNS.items()))
    target = Path(__file__).with_name("corpus.parquet")
    pq.write_table(table, target, compression="zstd", compression_level=19, use_dictionary=["lang", "page", "split"])
    for lang in FOLDERS:
        for part in ("train", "test"):
            texts = [row["text"] for row in rows if (row["lang"], row["split"]) == (lang, part)]
            print(lang, part, len(texts), "paragraphs", sum(len(text.split()) for text in texts), "words")
    print(len(rows), "rows", target.stat().st_size, "bytes", sha256(target.read_bytes()).hexdigest())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
