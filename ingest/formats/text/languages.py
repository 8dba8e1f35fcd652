"""How likely the characters of a text beyond ASCII are in some languages: knows no encodings and no bytes.

Each language is a few classes of characters, each with its share of the text, which its characters have evenly: the
most frequent ones of the usual lists, and the rest. That is rough, and enough to tell a text from a misread one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

_UNKNOWN: Final = math.log(1e-7)
"""How likely a character is that a language does not have; as all of these a logarithm."""
_BESIDE_ANOTHER: Final = math.log(0.01)
"""How much rarer a letter is beside one of another alphabet within a word, or a capital behind a small letter."""
_CAPITAL: Final = math.log(0.2)
_NO_CAPITAL: Final = "ß"
"""Small letters that stand between capitals, for they have none of their own."""
_RUN: Final = math.log(0.05)
"""How much rarer an accented letter is behind another one."""

_SIMPLIFIED: Final = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之"
    "进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与"
    "关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常"
    "文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光"
    "门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例真务具万每目"
    "至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复容儿须际"
    "商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王"
    "按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严"
    "订货款额费购客户姓址邮编箱套颜尺码库注牌仓税票付退换店铺销售礼优惠券折扣街镇村栋楼室座系联手男女童裤鞋帽衣裙袋杯壶盘碗椅桌柜架床灯"
    "钟笔纸册板轴承螺丝阀泵钢铝铜木塑玻璃橡胶棉麻绸蓝绿黄紫粉灰黑棕橙宽厚薄轻寸急浙苏沪津渝粤京湖河阳李王刘陈杨赵吴孙"
)
_TRADITIONAL: Final = (
    "的一是在不了有和人這中大為上個國我以要他時來用們生到作地於出就分對成會可主發年動同工也能下過子說產種面而方後多定行學法所民得經十三之"
    "進著等部度家電力裡如水化高自二理起小物現實加量都兩體制機當使點從業本去把性好應開它合還因由其些然前外天政四日那社義事平形相全表間樣與"
    "關各重新線內數正心反你明看原又麼利比或但質氣第向道命此變條只沒結解問意建月公無系軍很情者最立代想已通並提直題黨程展五果料象員革位入常"
    "文總次品式活設及管特件長求老頭基資邊流路級少圖山統接知較將組見計別她手角期根論運農指幾九區強放決西被做必戰先回則任取據處隊南給色光"
    "門即保治北造百規熱領七海口東導器壓志世金增爭濟階油思術極交受聯什認六共權收證改清己美再採轉更單風切打白教速花帶安場身車例真務具萬每目"
    "至達走積示議聲報鬥完類八離華名確才科張信馬節話米整空元況今集溫傳土許步群廣石記需段研界拉林律叫且究觀越織裝影算低持音眾書布複容兒須際"
    "商非驗連斷深難近礦千周委素技備半辦青省列習響約支般史感勞便團往酸歷市克何除消構府稱太準精值號率族維劃選標寫存候毛親快效斯院查江型眼王"
    "按格養易置派層片始卻專狀育廠京識適屬圓包火住調滿縣局照參紅細引聽該鐵價嚴"
    "訂貨款額費購客戶姓址郵編箱套顏尺碼庫註牌倉稅票付退換店鋪銷售禮優惠券折扣街鎮村棟樓室座男女童褲鞋帽衣裙袋杯壺盤碗椅桌櫃檯架床燈"
    "鐘筆紙冊板軸承螺絲閥泵鋼鋁銅木塑玻璃橡膠棉麻綢藍綠黃紫粉灰黑棕橙寬厚薄輕寸急鎖扶護節能敞雙罩臺灣"
)
_KANJI: Final = (
    "日一国会人年大十二本中長出三同時政事自行社見月分議後前民生連五発間対上部東者党地合市業内相方四定今回新場金員九入選立開手米力学問高代"
    "明実円関決子動京全目表戦経通外最言氏現理調体化田当八六約主題下首意法不来作性的要用制治度務強気小七成期公持野協取都和統以機平総加山思"
    "家話世受区領多県続進正安設保改数記院女初北午指権心界支第産結百派点教報済書府活原先共得解名交資予川向際査勝面委告軍文反元重近千考判認"
    "画海参売利組知案道信策集在件団別物側任引使求所次水半品論計増係感特情投示変打男基私各始島直両朝価式確村提運終果西台広容必応電住能無再"
    "位置真流格有口過局少放税検町常校料状工建語球空職証土与急止送供可役構木割聞身費付切由説転食比難車収断何南石足消神番規術備宅配算条起万"
    "着店残線率質試銀額商形落好準造英株頭技低毎医仕味個門写種美量型白深字製票音申様注文達机椅棚茶色黒赤青緑黄紫灰紙箱袋皿鍋靴服机"
)
_SYLLABLES: Final = (
    "이다는의에을가고를한은로하지기도사자인대시리정서아어스일수부나구해전라장과보제상주그있여만게동원유성조공비신경연으관안화치학선국마저발드"
    "영방요트우면오용들교소세미중무모행재금실와식물회간체개결적당명계위입생문분내력단터민통양현작산반러업년차니데호권건등번록품출매판배점포색"
    "절목류할량객름격액합검정갈책크카타파하라바예레르메베케테페최김박추노초토코쿠피티파표특별종증집천철청큰태택편평필함험형환후희없었했되된될"
    "않았던때또본말못몸및받번법변불빛새생설손술쓰씨앞약열온왕외욕운월육음응임잔잘젊존좋죽줄직진질찾처첫층친컵탕투판한향허혼확활황흰"
)


@dataclass(frozen=True, kw_only=True)
class Language:
    """A language by its classes of characters, as (characters, share); an `alphabet` has small letters and capitals.

    In a `latin` one most letters are ASCII, so that others stand beside those and seldom beside each other.
    """

    classes: tuple[tuple[str, float], ...]
    alphabet: bool = False
    latin: bool = False

    @cached_property
    def _likely(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for characters, share in self.classes:
            for character in characters:
                found.setdefault(character, math.log(share / len(characters)))
        return found

    def likelihood(self, text: str) -> float:
        """Return the logarithm of the probability of what stands in a text beyond ASCII."""
        total, before = 0.0, " "
        for character, behind in zip(text, [*text[1:], " "], strict=True):
            if not character.isascii():
                total += self._of(character, before, behind)
            before = character
        return total

    def _of(self, character: str, before: str, behind: str) -> float:
        likely = self._likely.get(character)
        if likely is None and self.alphabet:
            likely = self._likely.get(character.lower())
        if likely is None:
            return _UNKNOWN
        if not character.isalpha():
            return likely
        if self.alphabet:
            likely += _case(character, before, behind)
        plain = (before.isascii() and before.isalpha()) + (behind.isascii() and behind.isalpha())
        if not self.latin:
            return likely + plain * _BESIDE_ANOTHER
        return likely + (0.0 if plain else _RUN)


def _case(character: str, before: str, behind: str) -> float:
    """Return how likely a letter is to be small or a capital between two others, as a logarithm."""
    if character.islower():
        if character in _NO_CAPITAL:
            return 0.0
        return _BESIDE_ANOTHER if before.isupper() and behind.isupper() else 0.0
    if before.islower():
        # One within a word is rarer yet: most names that have one begin a part of a word with it.
        return _BESIDE_ANOTHER * (2 if behind.islower() else 1)
    return 0.0 if before.isupper() else _CAPITAL


_FULL_WIDTH: Final = ("，。、；：？！（）「」『』《》【】“”‘’…—·￥～％＋－＝／＃＊＆　０１２３４５６７８９", 0.06)
_IDEOGRAPHS: Final = "".join(map(chr, range(0x4E00, 0x9FA6)))
_RARE: Final = "".join(map(chr, range(0x3400, 0x4DB6)))
_HANGUL: Final = "".join(map(chr, range(0xAC00, 0xD7A4)))
_HIRAGANA: Final = "".join(map(chr, range(0x3041, 0x3094)))
_KATAKANA: Final = "".join(map(chr, range(0x30A1, 0x30FD)))
_HALF_WIDTH: Final = "".join(map(chr, range(0xFF61, 0xFFA0)))
_SIGNS: Final = ("€£°“”‘’´„–—…«»®©¹²³µ§×·¼½¾\xa0", 0.04)

LANGUAGES: Final = {
    "simplified": Language(
        classes=((_SIMPLIFIED, 0.8), _FULL_WIDTH, (_IDEOGRAPHS, 0.13), (_RARE, 0.001), ("€℃№①②③④⑤", 0.01))
    ),
    "traditional": Language(
        classes=((_TRADITIONAL, 0.8), _FULL_WIDTH, (_IDEOGRAPHS, 0.13), (_RARE, 0.001), ("€℃№①②③④⑤", 0.01))
    ),
    "japanese": Language(
        classes=(
            (_HIRAGANA, 0.3),
            (_KATAKANA, 0.25),
            (_KANJI, 0.33),
            _FULL_WIDTH,
            (_IDEOGRAPHS, 0.05),
            (_HALF_WIDTH, 0.004),
            ("①②③④⑤㈱℃№", 0.005),
        )
    ),
    # Banks of Japan have sent nothing else for decades; titles are in other letters.
    "half-width": Language(
        classes=(
            ("ﾞ", 0.08),
            ("ﾝｰｲｽｼﾄﾙｶｸﾀﾗﾘｷｺｳｼｮｭﾃﾅﾏﾐ", 0.48),
            (_HALF_WIDTH, 0.2),
            (_KANJI, 0.12),
            (_HIRAGANA, 0.03),
            (_KATAKANA, 0.02),
            _FULL_WIDTH,
        )
    ),
    "korean": Language(classes=((_SYLLABLES, 0.82), _FULL_WIDTH, (_HANGUL, 0.1), (_IDEOGRAPHS, 0.003))),
    "russian": Language(
        classes=(
            ("о", 0.109),
            ("еа", 0.163),
            ("ин", 0.14),
            ("т", 0.062),
            ("с", 0.054),
            ("рвл", 0.135),
            ("км", 0.066),
            ("дпу", 0.083),
            ("яыьгзб", 0.105),
            ("чй", 0.026),
            ("хжш", 0.026),
            ("юц", 0.011),
            ("щэф", 0.009),
            ("ъё", 0.003),
            ("іїєґў", 0.0005),
            _SIGNS,
        ),
        alphabet=True,
    ),
    "ukrainian": Language(
        classes=(
            ("о", 0.093),
            ("а", 0.083),
            ("нив", 0.182),
            ("іе", 0.105),
            ("трсклуд", 0.29),
            ("мпзя", 0.108),
            ("ьбгчйхж", 0.098),
            ("ющцїєф", 0.035),
            ("шґ", 0.008),
            _SIGNS,
        ),
        alphabet=True,
    ),
    "serbian": Language(
        classes=(
            ("а", 0.12),
            ("иоен", 0.32),
            ("рстјуд", 0.28),
            ("квлмпбгз", 0.2),
            ("цшчжхф", 0.035),
            ("ћљњђџ", 0.04),
            _SIGNS,
        ),
        alphabet=True,
    ),
    "tajik": Language(
        classes=(
            ("а", 0.14),
            ("ио", 0.19),
            ("рнедт", 0.27),
            ("мшбвкулсзяйг", 0.27),
            ("ҳқӯғҷӣ", 0.07),
            ("пфхчжъёэю", 0.05),
            _SIGNS,
        ),
        alphabet=True,
    ),
    "greek": Language(
        classes=(
            ("α", 0.095),
            ("ο", 0.083),
            ("ιετ", 0.223),
            ("ν", 0.063),
            ("ση", 0.09),
            ("υρπκ", 0.155),
            ("ςμ", 0.064),
            ("λ", 0.026),
            ("ωδγ", 0.049),
            ("χθ", 0.023),
            ("φβ", 0.015),
            ("ξζψ", 0.01),
            ("άόίέ", 0.075),
            ("ήύώ", 0.026),
            ("ϊϋΐΰ", 0.001),
            _SIGNS,
        ),
        alphabet=True,
    ),
    "hebrew": Language(classes=(("יוהלאמרתבש", 0.65), ("נםעדחקפכטגסןצזץףך", 0.3), _SIGNS)),
    "arabic": Language(classes=(("اليمنروتبةعدسفهك", 0.8), ("قحجشصطضخذثزغظأإآؤئىء،؟", 0.15), _SIGNS)),
    "thai": Language(classes=(("".join(map(chr, [*range(0x0E01, 0x0E3B), *range(0x0E3F, 0x0E5C)])), 0.95), _SIGNS)),
    "german": Language(
        classes=(("äöü", 0.7), ("ßé", 0.18), ("èàâçêëîïôûñåøæœáíóúãõ", 0.05), ("čćęłńśźżąěřšťůžőű", 0.017), _SIGNS),
        alphabet=True,
        latin=True,
    ),
    "french": Language(classes=(("é", 0.5), ("èàê", 0.3), ("çôîâûùïëœæ", 0.15), _SIGNS), alphabet=True, latin=True),
    "spanish": Language(classes=(("óíáéñú", 0.9), ("ü¿¡ªº", 0.03), _SIGNS), alphabet=True, latin=True),
    "portuguese": Language(classes=(("ãçáéí", 0.65), ("óêõâúôàªº", 0.3), _SIGNS), alphabet=True, latin=True),
    "italian": Language(classes=(("àèéìòù", 0.95), _SIGNS), alphabet=True, latin=True),
    "nordic": Language(classes=(("äåö", 0.5), ("øæ", 0.4), ("éü", 0.05), _SIGNS), alphabet=True, latin=True),
    "icelandic": Language(classes=(("áíðéöóúæþý", 0.95), _SIGNS), alphabet=True, latin=True),
    "estonian": Language(classes=(("äõü", 0.85), ("ö", 0.08), ("šž", 0.02), _SIGNS), alphabet=True, latin=True),
    "polish": Language(classes=(("łąęóż", 0.75), ("śćńź", 0.2), _SIGNS), alphabet=True, latin=True),
    "czech": Language(classes=(("áíéěčřšžýů", 0.8), ("úňťďóľĺŕôä", 0.15), _SIGNS), alphabet=True, latin=True),
    "hungarian": Language(classes=(("áé", 0.55), ("óöőüúíű", 0.4), _SIGNS), alphabet=True, latin=True),
    "romanian": Language(classes=(("ăîşţâ", 0.95), _SIGNS), alphabet=True, latin=True),
    "croatian": Language(classes=(("čćšžđ", 0.95), _SIGNS), alphabet=True, latin=True),
    "turkish": Language(classes=(("ışğüöçİ", 0.9), ("âîû", 0.01), _SIGNS), alphabet=True, latin=True),
    "lithuanian": Language(classes=(("ėšįųžąūčę", 0.95), _SIGNS), alphabet=True, latin=True),
    "latvian": Language(classes=(("āīēšūļžņčķģ", 0.95), _SIGNS), alphabet=True, latin=True),
}
