"""Names of files and titles of what is written down of the same people and things again each month; reads no values."""

from __future__ import annotations

import re
from typing import Final

MEASURED: Final = (
    r"(?<![a-z])(?:hours?|salar(?:y|ies)|wages?|(?:net|gross) pay|marks?|grades?|scores?|on hand|in stock|balance"
    r"|stock(?! ?(?:code|no|nr|num|id|item))|consumption|usage|kwh|mileage|odometer|results?|attendance"
    r"|days (?:worked|present|absent))(?![a-z])"
    "|reading|messwert|ablesung|^stand$|zählerstand|verbrauch|stunden|lohn|gehalt|bestand|saldo|ergebnis"
    "|relevé|consommation|heures|salaire|solde|résultat|lectura|consumo|horas|salario|sueldo|existencias|resultado"
    "|leitura|salário|estoque|lettura|stipendio|giacenza"
    "|показани|расход|часы|часов|квт|зарплат|оклад|остат|оценк|результат"
    "|抄表|[读讀]数|指针|度数|用[电水气]?量|工时|工资|薪|实发|库存|结存|余额|成绩|分数|得分|结果|出勤"
    "|検針|指針|使用量|時間|給与|支給|在庫|残高|成績|点数|結果"
    "|검침|지침|사용량|근무|급여|월급|재고|잔액|성적|점수|결과"
)
"""A pattern of titles of what is measured of people and things, or paid to them, anew each month."""

_FILES: Final = re.compile(
    r"(?<![a-z])(?:log|histor|inventor|pay(?:roll|slips?|sheets?)?(?![a-z])|time ?(?:sheet|card)|roster|inspection)"
    "|measure|ablese|zählerst|bestände|inventur|löhne|gehält|arbeitszeit|zeiterfassung|salden|prüf|wartung|noten"
    "|inventaire|paie|pointage|nómina|nomina|calificacion|inventario|folha|presenze|letture|consumi|stipendi"
    "|табель|ведомост|инвентар|успеваемост"
    "|考勤|考试|检[验测查]|[点巡]检|盘点|勤怠|給料|検査|点検|棚卸|근태|출퇴근|시험|검사|점검"
    f"|{MEASURED}"
)

_LIST_WORDS: Final = (
    *("list(?:s|en?|a|ing)?", "lijst", "master", "data", "database", "export", "extract", "register", "registry"),
    *("directory", "catalog(?:ue)?", "details", "info", "information", "table", "file", "contacts", "v", "final"),
    *("stamm", "stammdaten", "stammsatz", "daten", "verzeichnis", "katalog", "kartei", "adressen"),
    *("sheet", "tabelle", "feuil", "hoja", "planilha", "foglio", "лист", "список", "справочник"),
    *("列表", "清[单單]", "名[单單册]", "花名册", "[资資]料", "档案", "信息", "数据", "总?表", "台[账帐帳]", "主数据"),
    *("工作表", "一[览覧]表?", "リスト", "マスター?", "名簿", "情報", "データ", "シート"),
    *("목록", "리스트", "명단", "명부", "정보", "데이터", "대장", "마스터", "시트"),
)
_LIST: Final = rf"(?:[a-zß-ÿа-яё]{{0,2}}|들)(?:[\W\d_]|{'|'.join(_LIST_WORDS)})*$"
"""What may stand behind the noun in the name of a list of such things: its plural, and words for lists."""


def is_written_again(about: str) -> bool:
    """Say whether a file that is named so has the same people or things in the next month again."""
    return bool(_FILES.search(about))


def is_list_of(noun: str, about: str) -> bool:
    """Say whether a name, of one line or several, is that of a list of what the noun says: its last word, in one line.

    `employees` and `Kundenliste` are, `employee payroll` and `Kundenumsatz` are not.
    """
    return bool(re.search(re.escape(noun) + _LIST, about, re.MULTILINE))
