"""The encoding of files that are not UTF-8: words of many languages as spreadsheets save them."""

from __future__ import annotations

import random

import pytest
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.tables.encodings import guess
from onnxnn_runtime.tables.reader import read_table

WORDS = [
    (
        "gbk",
        "花萼长度 花瓣宽度 类别 标签 品种 身高 体重 年龄 性别 姓名 编号 温度 湿度 价格 山鸢尾 "
        "变色鸢尾 苹果 香蕉 橘子 老虎 兔子 班级 成绩 语文 数学 北京 深圳 多云 面积 距离 速度 "
        "血压 胆固醇 葡萄酒 毒蘑菇 张伟 李娜 睡眠 蛋白质 土壤 螃蟹 鲍鱼",
    ),
    (
        "cp949",
        "꽃받침길이 꽃받침너비 꽃잎길이 꽃잎너비 종류 라벨 품종 몸무게 나이 성별 이름 번호 온도 "
        "습도 가격 날짜 지역 사과 바나나 고양이 강아지 학년 성적 국어 수학 서울 부산 맑음 흐림 "
        "면적 거리 속도 시간 혈압 와인 생존 김민수 이영희 단백질 버섯 식용 냄새",
    ),
    (
        "cp932",
        "がく片の長さ 花びら 種類 ラベル 品種 身長 体重 年齢 性別 名前 番号 気温 湿度 価格 日付 "
        "りんご バナナ みかん ねこ いぬ 学年 成績 国語 東京 大阪 晴れ くもり 面積 部屋 速度 "
        "時間 血圧 ワイン 佐藤 鈴木 睡眠 タンパク質 土壌",
    ),
    (
        "big5",
        "花萼長度 花瓣寬度 類別 標籤 品種 身高 體重 年齡 性別 姓名 編號 溫度 濕度 價格 山鳶尾 "
        "變色鳶尾 蘋果 香蕉 橘子 老虎 兔子 班級 成績 國文 數學 臺北 高雄 多雲 面積 距離 速度 "
        "血壓 葡萄酒 陳怡君 林志明 睡眠 蛋白質 土壤",
    ),
    (
        "cp1251",
        "длина ширина лепесток чашелистик класс метка вид рост вес возраст пол имя номер температура "
        "влажность цена дата яблоко кошка собака Москва Казань ясно дождь мужской площадь скорость "
        "давление качество Иванов Петрова",
    ),
    (
        "cp1253",
        "μήκος πλάτος πέταλο σέπαλο κλάση ετικέτα είδος ύψος βάρος ηλικία φύλο όνομα θερμοκρασία υγρασία "
        "τιμή ημερομηνία μήλο γάτα σκύλος Αθήνα Πάτρα ήλιος βροχή άνδρας γυναίκα ταχύτητα πίεση ποιότητα",
    ),
    (
        "cp1250",
        "długość szerokość płatek działka płeć imię zwierzę żółty różowy jabłko śliwka Łódź Gdańsk słońce "
        "mężczyzna piętro odległość prędkość ciśnienie jakość zła średnia źródło białko tłuszcz uczeń "
        "część",
    ),
    (
        "cp1250",
        "délka šířka květ kališní okvětní třída výška váha věk pohlaví jméno číslo město kočka červená "
        "žlutá modrá Plzeň Ústí déšť muž žena vzdálenost rychlost čas dobrá špatná průměr žák známka "
        "Dvořák",
    ),
    (
        "cp1250",
        "szélesség csészelevél osztály címke magasság súly név szám hőmérséklet páratartalom ár dátum "
        "város körte piros kék Győr Pécs napos esős férfi nő terület távolság sebesség idő nyomás minőség "
        "jó érték átlag tűz",
    ),
    (
        "cp1254",
        "genişlik taç çanak tür sınıf ağırlık yaş sayı sıcaklık bölge köpek kırmızı sarı İstanbul "
        "Eskişehir güneşli yağmur hayır kadın uzaklık hız basınç iyi kötü öğrenci değer",
    ),
    (
        "cp1257",
        "žiedlapis taurėlapis rūšis klasė ūgis amžius lytis drėgmė katė šuo žalia mėlyna Klaipėda vyras "
        "kokybė ąžuolas slėgis",
    ),
    (
        "cp1252",
        "pétale sépale espèce étiquette température humidité région âge prénom élève école chêne hêtre "
        "forêt pièce mètre étage numéro qualité été où garçon noël français père mère",
    ),
    (
        "latin-1",
        "Länge Blütenblatt Größe Höhe Straße Prüfung Schüler Mädchen Fläche Qualität schön Müller Köln "
        "München Äpfel Vögel grün süß",
    ),
    (
        "cp1252",
        "longitud pétalo sépalo tamaño año niña número teléfono categoría región español corazón mañana "
        "árbol ratón león águila",
    ),
    (
        "cp1252",
        "längd höjd ålder kön färg röd blå grön äpple päron häst får björn Göteborg Malmö Åland",
    ),
    (
        "cp1255",
        "אורך רוחב עלה כותרת גביע תווית גובה משקל מספר טמפרטורה לחות מחיר תאריך אזור תפוח חתול כלב אדום "
        "כחול ציון",
    ),
    (
        "cp1256",
        "طول عرض بتلة نوع فئة تسمية وزن عمر جنس رقم حرارة رطوبة سعر تاريخ منطقة تفاح قطة أزرق درجة "
        "القاهرة مساحة",
    ),
    (
        "cp874",
        "ความยาว ความกว้าง กลีบดอก กลีบเลี้ยง ชนิด ป้าย ส่วนสูง น้ำหนัก อายุ เพศ ชื่อ อุณหภูมิ ความชื้น ราคา แมว คะแนน กรุงเทพ",
    ),
    (
        "euc_jp",
        "がく片の長さ 花びら 種類 ラベル 身長 体重 年齢 気温 湿度 りんご みかん ねこ いぬ 東京 "
        "晴れ くもり 面積 部屋 速度",
    ),
    (
        "koi8_r",
        "длина ширина лепесток чашелистик класс метка возраст температура влажность яблоко собака Москва "
        "Казань дождь площадь скорость",
    ),
    (
        "mac_roman",
        "pétale sépale espèce étiquette température humidité région prénom élève école forêt numéro "
        "qualité été garçon",
    ),
]
"""Words of tables in languages, and the encoding in which spreadsheets save them."""


def _taken(words, encoding):
    data = "".join(f"{word},1.5\n" for word in words).encode(encoding)
    taken, note = guess("a.csv", data)
    return data.decode(taken) == data.decode(encoding), note


@pytest.mark.parametrize(("encoding", "words"), WORDS)
def test_words_of_a_language_give_its_encoding(encoding, words):
    assert _taken(words.split(), encoding)[0]
    chosen = random.Random(0)
    for _ in range(10):
        some = chosen.sample(words.split(), 12)
        right, note = _taken(some, encoding)
        assert right, (some, note)
        assert (note == "") == (encoding == "gbk")


@pytest.mark.parametrize(("encoding", "words"), WORDS[:4])
def test_three_words_are_enough_for_characters(encoding, words):
    chosen = random.Random(0)
    assert sum(_taken(chosen.sample(words.split(), 3), encoding)[0] for _ in range(40)) >= 39


RARE = (
    "乳腺癌 良性 恶性 纹理 平滑度 紧密度 妊娠 葡萄糖 胰岛素 皮褶厚度 谱系功能 登船港口 "
    "幸存 挥发性酸度 柠檬酸 残留糖 氯化物 氮氧化物 菌褶 菌柄 孢子印 栖息地 企鹅 阿德利 "
    "帽带 巴布亚 喙长 鳍肢 岛屿 色泽 根蒂 敲声 脐部 触感 青绿 乌黑 蜷缩 稍蜷 浊响 沉闷 "
    "清脆 稍糊 凹陷 软粘 慕容复 诸葛亮 呼和浩特 雷阵雨 雾霾 能见度 辣椒 菠菜 鲤鱼 麻雀 "
    "孔雀 鹦鹉 蜻蜓 蝴蝶 蚂蚁 螳螂 羽毛球 仰卧起坐 肺活量"
)
"""Words of Chinese tables with characters that are not frequent."""


def test_rare_chinese_words_stay_chinese():
    chosen = random.Random(0)
    for _ in range(60):
        assert _taken(chosen.sample(RARE.split(), 5), "gbk") == (True, "")


@pytest.mark.parametrize("rows", [1, 500])
@pytest.mark.parametrize("words", ["停止 前进", "猫 狗", "健康 患病", "玫瑰 百合", "玻璃 金属", "婷婷 浩然"])
def test_classes_that_stand_in_every_row_stay_chinese(words, rows):
    first, second = words.split()
    text = "a,b,label\n" + f"1,2,{first}\n" * 3 * rows + f"3,4,{second}\n" * rows
    assert guess("a.csv", text.encode("gbk"))[0] == "gb18030"


@pytest.mark.parametrize(("encoding", "words"), WORDS[:-3])
def test_a_single_word_is_never_read_wrongly_without_a_line(encoding, words):
    for word in words.split()[::2]:
        if not word.isascii():
            try:
                right, note = _taken([word], encoding)
            except InputError:
                continue
            assert right or "Use encoding= to choose" in note


def test_another_encoding_that_is_possible_is_named():
    taken, note = guess("a.csv", "à".encode("cp1252"))
    assert taken == "cp1252"
    assert note == (
        "a.csv: is not UTF-8 and is read as cp1252 ('à'), but may be cp1257 ('ą'). Use encoding= to choose."
    )


@pytest.mark.parametrize(
    "text", ["m²,m³", "1\xa0234;5", "T (°C)", "25°", "µm", "£5", "5 €", "price (€)", "½", "“a”", "2–3"]
)
def test_symbols_of_measures_are_western(text):
    assert guess("a.csv", text.encode("cp1252"))[0] == "cp1252"


@pytest.mark.parametrize(
    "text",
    ["1班2班", "第1班", "长(cm),宽（厘米）", "温度℃", "A类", "花瓣length", "①②③", "类", "№", "《红楼梦》"],
)
def test_characters_beside_marks_digits_and_letters_are_chinese(text):
    assert guess("a.csv", text.encode("gbk"))[0] == "gb18030"


@pytest.mark.parametrize("data", [b"\xff\xff", bytes(range(128, 256))])
def test_bytes_that_are_no_text_are_refused(data):
    with pytest.raises(InputError, match="expected text in UTF-8, UTF-16"):
        guess("a.csv", data + b",1\n")


@pytest.mark.parametrize(
    "data",
    [
        "花萼长度,品种\n1,山鸢尾\n3,变色鸢尾\n".encode()[:-2],
        "花萼长度,品种\n1,山鸢尾\n".encode().replace("山".encode(), b"\xe5\xb1"),
        "Größe,Länge,été\n".encode() + b"Stra\xdfe\n",
        "길이,너비\n세토사\n".encode()[:-2],
        "длина,ширина\n".encode()[:-2],
        "température,élève\n".encode() * 3 + "forêt\n".encode("gbk"),
    ],
)
def test_utf_8_that_is_damaged_is_no_other_encoding(data):
    with pytest.raises(InputError, match=r"a.csv: expected UTF-8 throughout, got other bytes in .*�"):
        guess("a.csv", data)


def test_a_korean_table_is_read_as_one(tmp_path):
    path = tmp_path / "붓꽃.csv"
    path.write_bytes("길이,너비,품종\n1.5,2,세토사\n3,4,버지니카\n".encode("euc_kr"))
    table = read_table(path)
    assert table.names == ("길이", "너비", "품종")
    assert table.texts("품종") == ["세토사", "버지니카"]
    assert "is read as cp949 ('길이')" in table.notes[0]


@pytest.mark.parametrize("cut", range(5))
def test_no_character_is_cut_where_a_file_is_read_in_parts(tmp_path, monkeypatch, cut):
    monkeypatch.setattr("onnxnn_runtime.tables.text._CHUNK", 100 + cut)
    path = tmp_path / "a.csv"
    path.write_bytes("长,宽,类别\n".encode("gbk") + b"1,2,a\n" * 13 + "3,4,好\n".encode("gbk") * 9)
    assert read_table(path).texts(2)[-1] == "好"
