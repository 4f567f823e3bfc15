package message

import "unicode/utf8"

// oldForms are Kanji as they were written until 1946, each before what is written today (the letters in parentheses
// of the list of Jōyō Kanji, and a few of family names). People write them in names, which is no trick. Those that
// are as common as the new ones (龍, 嶋, 冨) are left alone.
const oldForms = "亞亜惡悪壓圧圍囲醫医爲為稻稲飮飲隱隠榮栄營営衞衛驛駅圓円鹽塩應応歐欧櫻桜奧奥橫横溫温穩穏假仮價価畫画會会壞壊懷懐繪絵擴拡殼殻覺覚學学" +
	"嶽岳樂楽勸勧卷巻寬寛歡歓觀観關関陷陥顏顔氣気歸帰龜亀僞偽戲戯犧犠舊旧據拠擧挙峽峡挾挟狹狭鄕郷曉暁區区驅駆勳勲薰薫徑径惠恵揭掲溪渓經経繼継莖茎螢蛍輕軽鷄鶏藝芸" +
	"擊撃儉倹劍剣圈圏檢検權権獻献縣県險険顯顕驗験嚴厳效効廣広恆恒鑛鉱號号國国濟済碎砕齋斎劑剤雜雑參参慘惨棧桟贊賛殘残齒歯兒児辭辞濕湿實実舍舎寫写釋釈壽寿收収" +
	"從従澁渋獸獣縱縦肅粛處処敍叙奬奨將将燒焼稱称證証乘乗剩剰壤壌孃嬢條条淨浄疊畳穰穣讓譲釀醸囑嘱觸触寢寝愼慎晉晋眞真盡尽圖図粹粋醉酔隨随髓髄數数樞枢瀨瀬靜静" +
	"齊斉攝摂竊窃專専戰戦淺浅潛潜纖繊踐践錢銭禪禅雙双壯壮搜捜插挿爭争總総聰聡莊荘裝装騷騒增増臟臓藏蔵屬属續続墮堕體体對対帶帯滯滞臺台瀧滝擇択澤沢單単擔担膽胆" +
	"團団彈弾斷断癡痴遲遅晝昼鑄鋳廳庁聽聴鎭鎮遞逓鐵鉄轉転點点傳伝黨党盜盗當当德徳獨独讀読屆届惱悩腦脳廢廃拜拝賣売麥麦發発髮髪拔抜蠻蛮祕秘濱浜拂払佛仏倂併竝並" +
	"變変邊辺邉辺寶宝豐豊沒没萬万滿満默黙譯訳藥薬與与餘余譽誉搖揺樣様謠謡來来賴頼亂乱覽覧兩両獵猟綠緑壘塁勵励禮礼隸隷靈霊齡齢戀恋爐炉勞労樓楼郞郎祿禄灣湾髙高﨑崎豫予" +
	"稅税說説錄録緖緒"

// simplifiedForms are Kanji in the Chinese form that Japanese has not, each before the Japanese one. Letters that
// are Japanese too and mean something else (机, 叶, 云, 里, 制) are none.
const simplifiedForms = "银銀话話确確认認证証请請帐帳员員业業务務费費货貨质質资資购購买買卖売预預题題愿願电電车車转転运運达達连連过過还還选選邮郵录録错錯键鍵问問间間开開" +
	"闭閉关関际際难難驿駅验験为為现現产産发発监監积積约約级級纳納纸紙终終组組经経结結络絡给給统統绝絶继継续続总総线線紧緊织織职職联聯见見规規视視觉覚览覧计計订訂记記许許" +
	"设設评評详詳误誤说説读読课課调調谈談谢謝识識护護变変负負财財贵貴贷貸赏賞赠贈铁鉄钱銭长長阶階顶頂领領频頻备備偿償优優价価侧側伪偽军軍冻凍别別动動单単团団图図报報场場" +
	"实実审審对対导導应応厅庁强強从従态態这這个個时時东東门門阳陽飞飛头頭颜顔马馬鸟鳥鱼魚风風兴興书書张張远遠进進违違边辺迟遅适適针針铃鈴镜鏡队隊陆陸险険杂雑韩韓顺順" +
	"额額饭飯饮飲馆館惊驚丽麗龄齢岁歳坏壊梦夢夺奪孙孫带帯币幣广広废廃复復怀懐战戦揭掲损損换換乐楽树樹桥橋权権欢歓杀殺决決况況测測满満灭滅汉漢热熱获獲环環异異疗療盘盤" +
	"种種稳穏竞競笔筆节節简簡纪紀纯純细細绍紹绿緑维維网網绪緒编編缩縮绩績罚罰义義习習闻聞听聴脑脳华華药薬术術卫衛补補亲親观観训訓访訪诉訴诊診诈詐试試该該语語诱誘论論诸諸" +
	"讲講议議让譲贫貧贩販贮貯赁賃贺賀赞賛赔賠迹跡轻軽较較载載输輸轮輪农農遗遺"

// variants enters what is another form of the same Kanji. It is no folding of the rune, for hosts keep theirs:
// 國.jp is not 国.jp.
func (t *tables) variants() {
	for _, v := range [...]struct {
		pairs string
		flags uint8
	}{{oldForms, lookalike}, {simplifiedForms, lookalike | simplified}} {
		old := rune(0)
		for _, r := range v.pairs {
			if old == 0 {
				old = r
				continue
			}
			e := t.own(old)
			e.class, e.n, e.out = han, 0, uint32(r)
			e.flags |= v.flags
			old = 0
		}
	}
}

// forms reads old forms of Kanji as those of today, and simplified ones where the sentence is Japanese, which its
// Hiragana show.
func (f *Folded) forms() {
	s := &f.scratch
	end, japanese := 0, false // of the sentence looked at last
	for _, p := range s.likes {
		at := int(p)
		r, _ := utf8.DecodeRune(f.Text[at:])
		e := s.tables.look(r)
		if e.n != 0 || e.out == 0 {
			continue
		}
		if e.flags&simplified != 0 {
			if at >= end {
				end, japanese = f.sentence(end, at)
			}
			if !japanese {
				continue
			}
			f.Tricks.Simplified = more(f.Tricks.Simplified, 1)
		}
		utf8.EncodeRune(f.Text[at:], rune(e.out)) // all of them have three octets
	}
}

// sentence gives the end of the sentence around at, the last of those that begin at from, and whether it has Hiragana
// other than の, which Chinese shops have in their names.
func (f *Folded) sentence(from, at int) (end int, japanese bool) {
	for end = from; end < len(f.Text); {
		r, n := utf8.DecodeRune(f.Text[end:])
		end += n
		switch {
		case r == '。' || r == '!' || r == '?' || r == '\n':
			if end > at {
				return end, japanese
			}
			japanese = false
		case isHira(r) && r != 'の':
			japanese = true
		}
	}
	return end, japanese
}

// Kanji that differ in a stroke and stand for one another, which their neighbours show: 末払い, 端未, 曰本, 自已.
const (
	strokeLikes  = "末未曰已巳"
	behindNotYet = "払納済確読着"       // 未払い
	beforeEnd    = "月年期週度世巻"      // 月末払い
	beforeDay    = "本明今昨毎翌当休祝平即期" // 本日, 期日
	behindDay    = "本以間中付時程曜頃"    // 日本, 日以内
)

// kanjiAsKanji says what a Kanji of strokeLikes is to be read as between prev and next, or gives 0.
func kanjiAsKanji(prev, r, next rune) rune {
	switch r {
	case '末':
		if among(behindNotYet, next) && !among(beforeEnd, prev) {
			return '未'
		}
	case '未':
		if (prev == '端' || among("月年期週", prev)) && !isHan(next) && next != 0 {
			return '末'
		}
	case '曰': // not 曰く
		if !among("くわい", next) && (among(beforeDay, prev) || among(behindDay, next) || prev >= '0' && prev <= '9') {
			return '日'
		}
	case '已', '巳':
		if prev == '自' {
			return '己'
		}
	}
	return 0
}
