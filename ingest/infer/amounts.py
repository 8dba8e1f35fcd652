"""Titles of amounts, of which whole ones are so by chance: money, hours, weights, readings, marks; knows no values."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = (
    "amounts?|prices?|costs?|subtotal|balance|salary|salaries|wages?|pay|fees?|tax|vat|revenue|turnover|hours?|weight|volume"
    "|temperature|consumption|mileage|debit|credit|discount|premium|rent|budget|expenses?|gross|net|marks?|scores?"
    "|readings?|values?|results?|freight|shipping|postage|porto|transport|frais(?: de port)?|flete|frete|spedizione"
    "|montant|prix|coût|solde|salaire|heures|poids|remise|débit|crédit|tva|valeur|résultat|moyenne|brut|notes?"
    "|importe|precio|costes?|costo|saldo|salario|sueldo|horas|peso|descuento|debe|haber|iva|neto|bruto|lectura|nota"
    "|valor|preço|custo|salário|desconto|débito|crédito|leitura|importo|prezzo|lordo|netto|stipendio|ore|sconto|voto"
)
_PARTS: Final = (
    "betrag|preis|kosten|fracht|brutto|netto|gehalt|lohn|gebühr(?:en)?|steuer|mwst|ust|umsatz|stunden|gewicht|verbrauch|rabatt"
    "|miete|messwert|zählerstand|ergebnis|wert"
    "|сумма|цена|стоимость|оклад|зарплата|остаток|часы|часов|вес|скидка|ндс|показания|балл|оценка"
    "|金额|金額|[单單単][价價価]|[价價価]格|售价|成本|费用|[余残]额|残高|工资|税[额額]|运费|運費|送料|重量|工时|读数|实发|应发|成绩|分数|得分"
    "|給与|支給額|控除額|時間|点数|指針|測定値|금액|단가|가격|비용|잔액|급여|세액|배송비|중량|시간|점수|지침"
    "|المبلغ|السعر|القيمة|الرصيد|الراتب|التكلفة|الدرجة|القراءة|النتيجة"
)
_MORE: Final = (
    r"(?: (?:net|gross|total|due|paid|worked|unitaire|unitari[oa]|unitário|brut[oa]?|net[ot]o?|ht|ttc)"
    r"|,? (?:eur|usd|gbp|chf|cny|rmb|jpy|krw|brl|rub|руб|kg)| (?:in|per|par|por|pro|je|за|/) .*|[ ,]*[(\[/].*)*"
)
_AMOUNTS: Final = re.compile(rf"(?:(?<![^\W\d_])(?:{_WORDS})|{_PARTS}|^stand){_MORE}$")


def is_amount(title: str) -> bool:
    """Say whether a title, in the form in which titles are compared, promises numbers that may have fractions."""
    return bool(_AMOUNTS.search(title.rstrip(" .:")))
