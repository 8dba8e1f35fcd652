"""The words by which rows of totals and of statistics are known, in the languages that workbooks come in."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

SUBTOTALS: Final = (
    *("subtotal", "sub-total", "sub total", "zwischensumme", "teilsumme", "sous-total", "subtotale", "subtotaal"),
    *(
        "小计",
        "小計",
        "소계",
        "उप योग",
        "उप-योग",
        "промежуточный итог",
        "ara toplam",
        "suma częściowa",
        "delsumma",
        "mezisoučet",
    ),
)
"""Sums of some of the rows above: they never end a table."""

TOTALS: Final = (
    *SUBTOTALS,
    *("total", "totals", "grand total", "sum", "sum total", "total général", "total general", "total geral"),
    *("summe", "gesamt", "gesamtsumme", "endsumme", "insgesamt", "somme", "totale", "totaal", "suma", "razem"),
    *("合计", "合計", "总计", "總計", "总和", "总额", "累计", "共计", "총계", "합계", "итого", "всего", "toplam"),
    *("genel toplam", "summa", "totalt", "celkem", "součet", "gesamtergebnis", "総計", "총합계", "общий итог"),
    *(
        "eindtotaal",
        "totalsumma",
        "végösszeg",
        "összesen",
        "yhteensä",
        "tổng cộng",
        "汇总",
        "totaux",
        "totales",
        "totais",
    ),
    *("итог", "المجموع", "الإجمالي", "إجمالي", "اجمالي", "الاجمالي", "σύνολο", "합산", "합 계", "총 계"),
    *("ukupno", "spolu", "skupaj", "i alt", "kokku", "kopā", "iš viso", "общо", "всього", "усього", "разом", "jumlah"),
    *("รวม", "รวมทั้งหมด", "รวมทั้งสิ้น", "ยอดรวม", 'סה"כ', "סה״כ", "סך הכל", "جمع", "جمع کل", "مجموع", "মোট", "மொத்தம்"),
    # As NFKC has it: its letters with a point below are two characters.
    *(unicodedata.normalize("NFKC", word) for word in ("कुल", "कुल योग", "योग", "महायोग", "कुल जोड़", "जोड़")),
)
"""Words that a row of totals begins with, in lower case."""

KNOWN_TOTALS: Final = rf"(?s)\A(?:{'|'.join(map(re.escape, TOTALS))})(?:[^\pL\pM\pN].*)?\z"
"""A pattern of the engine behind Arrow's: a text that begins with one of these words, and not with a longer one."""

GROUP_ENDS: Final = (
    *(" total", " ergebnis", " totaal", " итог", " toplamı", " 汇总", " 集計", " 요약"),
    *("小计", "小計", "소계"),
)
"""What stands behind the name of a group in the row of its total, as spreadsheets write such rows by themselves."""

STATISTICS: Final = {
    "mean": (
        *(
            "average",
            "averages",
            "avg",
            "avg.",
            "mean",
            "durchschnitt",
            "mittelwert",
            "mittel",
            "schnitt",
            "ø",
            "moyenne",
        ),
        *("promedio", "media", "média", "gemiddelde", "gemiddeld", "średnia", "среднее", "среднее значение", "среднє"),
        *("ortalama", "平均", "平均值", "平均値", "均值", "평균", "medel", "medelvärde", "gennemsnit", "gjennomsnitt"),
        *("keskiarvo", "átlag", "průměr", "priemer", "prosjek", "povprečje", "medie", "μέσος όρος", "средно"),
        *("trung bình", "rata-rata", "ค่าเฉลี่ย", "المتوسط", "متوسط", "ממוצע", "میانگین", "औसत", "গড়"),
    ),
    "min": (
        *("min", "min.", "minimum", "lowest", "mínimo", "mín", "mín.", "minimo", "минимум", "мин", "мин.", "minimal"),
        *("最小", "最小值", "最小値", "최소", "최솟값", "en küçük"),
    ),
    "max": (
        *(
            "max",
            "max.",
            "maximum",
            "highest",
            "máximo",
            "máx",
            "máx.",
            "massimo",
            "максимум",
            "макс",
            "макс.",
            "maximal",
        ),
        *("最大", "最大值", "最大値", "최대", "최댓값", "en büyük"),
    ),
    "median": (
        "median",
        "médiane",
        "mediana",
        "zentralwert",
        "медиана",
        "中位数",
        "中位數",
        "中央値",
        "중앙값",
        "medyan",
    ),
    "deviation": (
        *("sd", "s.d.", "std", "std.", "stdev", "st dev", "std dev", "std. dev.", "standard deviation", "stabw"),
        *("standardabweichung", "écart type", "écart-type", "desviación estándar", "desvio padrão"),
        *("deviazione standard", "standaarddeviatie", "стандартное отклонение", "标准差", "標準偏差", "표준편차"),
    ),
    "variation": (
        *("rsd", "%rsd", "% rsd", "rsd%", "rsd %", "rsd (%)", "cv", "%cv", "% cv", "cv%", "cv %", "cv (%)"),
        *("variationskoeffizient", "coefficient of variation", "变异系数", "変動係数"),
    ),
    "count": ("count", "n", "anzahl", "nombre", "cuenta", "количество", "计数", "個数", "データの個数", "개수"),
}
"""What rows of statistics are called, in lower case, with nothing behind it, by what they have of the rows above."""
