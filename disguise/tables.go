package disguise

import "strings"

// pairs makes a table of two rows of runes, those of the second under those of the first.
func pairs(rows ...string) map[rune]rune {
	table := map[rune]rune{}
	for i := 0; i+1 < len(rows); i += 2 {
		to := []rune(rows[i+1])
		for k, r := range []rune(rows[i]) {
			table[r] = to[k]
		}
	}
	return table
}

// twos makes a table of runes that follow one another.
func twos(s string) map[rune]rune {
	table := map[rune]rune{}
	t := []rune(strings.ReplaceAll(s, " ", ""))
	for i := 0; i+1 < len(t); i += 2 {
		table[t[i]] = t[i+1]
	}
	return table
}

// Letters of other alphabets that look Latin, a part of what UTS #39 lists.
var (
	cyrillic = pairs("acdehijlopqsvwxy", "асԁеһіјӏорԛѕѵԝху", "ABCEHIJKMOPSTX", "АВСЕНІЈКМОРЅТХ")
	greek    = pairs("aiopuv", "αιορυν", "ABEHIKMNOPTXYZ", "ΑΒΕΗΙΚΜΝΟΡΤΧΥΖ")
	armenian = pairs("ghnouq", "ցհոօսզ", "OSU", "ՕՏՍ")
	phonetic = pairs("agr", "ɑɡᴦ", "ABCDEGHIJKLMPRSTVWZ", "ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃ")
)

var smallCapitals = pairs("abcdefghijklmnoprstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ")

// styledLetters gives the letters of a styled alphabet for those of ASCII. Some capitals of the mathematical
// alphabets stand in the block Letterlike Symbols.
func styledLetters(alphabet string) map[rune]rune {
	table := map[rune]rune{}
	fill := func(upper, lower rune) {
		for i := range rune(26) {
			if upper != 0 {
				table['A'+i] = upper + i
			}
			if lower != 0 {
				table['a'+i] = lower + i
			}
		}
	}
	switch alphabet {
	case "bold":
		fill(0x1D400, 0x1D41A)
	case "script":
		fill(0x1D4D0, 0x1D4EA)
	case "fraktur":
		fill(0x1D56C, 0x1D586)
	case "double-struck":
		fill(0x1D538, 0x1D552)
		for _, r := range [][2]rune{{'C', 'ℂ'}, {'H', 'ℍ'}, {'N', 'ℕ'}, {'P', 'ℙ'}, {'Q', 'ℚ'}, {'R', 'ℝ'}, {'Z', 'ℤ'}} {
			table[r[0]] = r[1]
		}
	case "sans-bold":
		fill(0x1D5D4, 0x1D5EE)
	case "monospace":
		fill(0x1D670, 0x1D68A)
	case "circled":
		fill(0x24B6, 0x24D0)
	case "negative-circled":
		fill(0x1F150, 0)
	case "squared":
		fill(0x1F130, 0)
	case "parenthesised":
		fill(0x1F110, 0x249C)
	case "small-capitals":
		for r, to := range smallCapitals {
			table[r], table[r-0x20] = to, to
		}
	}
	if table['a'] == 0 { // only capitals there
		for r := 'a'; r <= 'z'; r++ {
			table[r] = table[r-0x20]
		}
	}
	return table
}

// Katakana in half width: the voiced ones are two characters.
var halfKana = func() *strings.Replacer {
	var rows []string
	add := func(full, half, mark string) {
		h := []rune(half)
		for i, r := range []rune(full) {
			rows = append(rows, string(r), string(h[i])+mark)
		}
	}
	add("ガギグゲゴザジズゼゾダヂヅデドバビブベボヴ", "ｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾊﾋﾌﾍﾎｳ", "ﾞ")
	add("パピプペポ", "ﾊﾋﾌﾍﾎ", "ﾟ")
	add("アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲンァィゥェォャュョッー", "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜｦﾝｧｨｩｪｫｬｭｮｯｰ", "")
	return strings.NewReplacer(rows...)
}()

var kanaKanjiLikes = twos("口ロ ロ口 力カ カ力 工エ エ工 夕タ タ夕 ニ二 ー一 卜ト ト卜 チ千 オ才")

// strokeLikes are words with a Kanji that differs in a stroke, or is one for another (UTS #39 has few of them).
var strokeLikes = strings.NewReplacer("三井", "三丼", "未払", "末払", "未納", "末納", "未済", "末済", "未確認", "末確認", "未読", "末読", "未着", "末着",
	"期末", "期未", "週末", "週未", "端末", "端未", "日本", "曰本", "本日", "本曰", "明日", "明曰", "日以内", "曰以内", "自己", "自已", "銀行", "銀⾏", "口座", "囗座", "入金", "⼊金")

// Old forms of Kanji, behind those of today (the list of Jōyō Kanji, in parentheses).
var oldForms = twos("国國 会會 学學 発發 税稅 経經 済濟 証證 当當 様樣 変變 応應 図圖 伝傳 売賣 読讀 円圓 写寫 点點 検檢 収收 総總 医醫 数數 価價 観觀 権權 真眞 " +
	"広廣 沢澤 浜濱 辺邊 桜櫻 斎齋 関關 届屆 続續 断斷 転轉 対對 気氣 実實 来來 県縣 団團 画畫 庁廳 処處 号號 録錄 銭錢 駅驛 験驗 険險 録錄 説說 帰歸 独獨 予豫 高髙")

// Chinese simplified forms of Kanji that texts of fraud have.
var simplifiedForms = twos("銀银 話话 確确 認认 証证 請请 帳帐 員员 業业 務务 費费 貨货 質质 資资 購购 買买 売卖 預预 題题 願愿 電电 車车 転转 運运 達达 連连 過过 " +
	"還还 選选 郵邮 録录 錯错 鍵键 問问 間间 開开 閉闭 関关 際际 難难 駅驿 験验 為为 現现 産产 発发 監监 積积 約约 級级 納纳 紙纸 終终 組组 経经 結结 絡络 給给 統统 絶绝 " +
	"継继 続续 総总 線线 緊紧 織织 職职 聯联 見见 規规 視视 覚觉 覧览 計计 訂订 記记 許许 設设 評评 詳详 誤误 説说 読读 課课 調调 談谈 謝谢 識识 護护 変变 負负 財财 貴贵 貸贷 " +
	"賞赏 贈赠 鉄铁 銭钱 長长 階阶 頂顶 領领 頻频 備备 償偿 優优 価价 側侧 偽伪 軍军 凍冻 別别 動动 単单 団团 図图 報报 場场 実实 審审 対对 導导 応应 庁厅 強强 従从 態态")

// inKana are words that are read in Kana without effort.
var inKana = strings.NewReplacer("荷物", "にもつ", "口座", "こうざ", "電話", "でんわ", "確認", "かくにん", "銀行", "ぎんこう", "下記", "かき", "重要", "じゅうよう", "登録", "とうろく", "支払", "しはらい", "料金", "りょうきん")
