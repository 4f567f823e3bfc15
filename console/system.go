package console

import (
	"context"
	"net/http"
	"time"

	"github.com/sekisho/sekisho/auth"
)

// System is how the program itself is.
type System interface {
	// Running is how it runs now.
	Running(ctx context.Context) (Running, error)
	// Bypass stops all stopping, or ends that.
	Bypass(ctx context.Context, on bool, who, why string) error
	// Reload reads accounts, certificates, policy and lists again; the error is a sentence for who asked.
	Reload(ctx context.Context, who string) error
}

// Running is how the program runs.
type Running struct {
	Version, Go string
	Started     time.Time
	Doors       []Door
	Checks      []Check
	Config      string // in force, without secrets
	Heap        uint64 // octets
	Judged      uint64
}

// Door is an address that something listens on.
type Door struct{ Name, Address string }

// Check is something that has to be well; Trouble is empty where it is.
type Check struct{ Name, Trouble string }

// systemPage answers: doors, binds, queues, delays, versions, configuration, bypass.
type systemPage struct {
	Running
	Broken int // checks that are not well
}

func (c *Console) systemPage() {
	if c.src.System == nil {
		return
	}
	c.places = append(c.places, place{"/system", "system.page", auth.Administrator | auth.Analyst | auth.Auditor})
	c.get("/system", "system", auth.Administrator|auth.Analyst|auth.Auditor, func(v *visit) (any, error) {
		r, err := c.src.System.Running(v.r.Context())
		p := systemPage{Running: r}
		for _, k := range r.Checks {
			if k.Trouble != "" {
				p.Broken++
			}
		}
		return p, err
	})
	c.post("/system/bypass", auth.Administrator, func(v *visit) (string, error) {
		why := v.Form("why")
		if why == "" {
			return "", Sorry(http.StatusUnprocessableEntity, "sorry.why")
		}
		on := v.Form("to") == "on"
		if err := c.src.System.Bypass(v.r.Context(), on, v.Who.Name, why); err != nil {
			return "", err
		}
		if on {
			return "/system?done=bypassed", nil
		}
		return "/system?done=unbypassed", nil
	})
	c.post("/system/reload", auth.Administrator, func(v *visit) (string, error) {
		if err := c.src.System.Reload(v.r.Context(), v.Who.Name); err != nil {
			return "", Sorry(http.StatusUnprocessableEntity, "system.reload.bad", err.Error())
		}
		return "/system?done=reloaded", nil
	})
}

var _ = learn(words{
	"system.page":       {"System", "稼働状況"},
	"system.well":       {"All is well.", "正常に稼働しています。"},
	"system.broken":     {"%d things are not well.", "%d 件の問題があります。"},
	"system.check":      {"Checked", "確認項目"},
	"system.ok":         {"well", "正常"},
	"system.doors":      {"Doors", "待ち受け"},
	"system.address":    {"Address", "アドレス"},
	"system.facts":      {"This program", "このプログラム"},
	"system.version":    {"Version", "バージョン"},
	"system.started":    {"Runs since", "起動日時"},
	"system.memory":     {"Memory in use", "使用メモリー"},
	"system.judged":     {"Judged since the start", "起動後の判定件数"},
	"system.config":     {"Configuration in force, secrets masked", "適用中の設定（秘密情報は伏せています）"},
	"system.bypass":     {"Bypass", "バイパス"},
	"system.bypass.say": {"In an emergency all stopping can be stopped at once: messages pass unhindered, judging and records go on.", "緊急時にはすべての停止処理を即座に止められます。メッセージはそのまま通り、判定と記録は続きます。"},
	"system.bypass.on":  {"Stop all stopping now", "停止処理をすべて止める"},
	"system.bypass.off": {"Stop fraud again", "停止処理を再開する"},
	"system.bypass.ask": {"From now on nothing is stopped, fraud included. Go on?", "詐欺も含め、何も止めなくなります。実行しますか。"},
	"system.reload":     {"Read accounts, certificates, policy and lists again", "アカウント・証明書・ポリシー・リストを再読み込み"},
	"system.reload.bad": {"It was not taken up, and what was in force stays: %s", "読み込めませんでした。これまでの設定のまま動作しています：%s"},
	"done.bypassed":     {"Bypass is on: nothing is stopped.", "バイパスを有効にしました。何も止めていません。"},
	"done.unbypassed":   {"Bypass is off: fraud is stopped again.", "バイパスを解除しました。停止処理を再開しています。"},
	"done.reloaded":     {"What changed is in force.", "変更を適用しました。"},
})
