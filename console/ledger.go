package console

import (
	"context"
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/auth"
)

// Ledger is what was done, by whom and why.
type Ledger interface {
	Size(ctx context.Context) (int64, error)
	// Entries reads up to limit entries in their order, from a number on.
	Entries(ctx context.Context, from int64, limit int) ([]audit.Row, error)
	Newest(ctx context.Context) (audit.Stored, error)
	Verify(ctx context.Context, held []audit.Held) (*audit.Report, error)
	// PublicKey is what checkpoints are signed with.
	PublicKey() string
	Enter(ctx context.Context, entries ...audit.Entry) error
}

// ledgerPage answers: who looked at what and why?
type ledgerPage struct {
	Size    int64
	Newest  audit.Stored
	Key     string
	Rows    []ledgerRow
	Who     string // only his entries
	Act     string // only of this
	Older   int64  // where the next page begins; 0: there is none
	Report  *audit.Report
	Damaged []string
	Asked   bool
}

type ledgerRow struct {
	Seq int64
	audit.Entry
	Broken string
}

const (
	ledgerShown   = 50
	ledgerScanned = 20_000  // entries that a filter looks through for one page
	exportMost    = 100_000 // entries of one export
	heldMost      = 64 << 20
)

func (c *Console) ledgerPage() {
	if c.src.Ledger == nil {
		return
	}
	l := c.src.Ledger
	roles := auth.Auditor | auth.Administrator
	c.places = append(c.places, place{"/ledger", "ledger", roles})
	head := func(v *visit) (p ledgerPage, err error) {
		p.Key = l.PublicKey()
		if p.Size, err = l.Size(v.r.Context()); err == nil {
			p.Newest, err = l.Newest(v.r.Context())
		}
		return p, err
	}
	c.get("/ledger", "ledger", roles, func(v *visit) (any, error) {
		p, err := head(v)
		if err != nil {
			return nil, err
		}
		q := v.r.URL.Query()
		p.Who, p.Act = q.Get("who"), q.Get("act")
		before := p.Size
		if n, err := strconv.ParseInt(q.Get("before"), 10, 64); err == nil && n > 0 {
			before = min(n, p.Size)
		}
		p.Rows, p.Older, err = c.entries(v.r.Context(), before, p.Who, p.Act)
		return p, err
	})
	var verifying sync.Mutex
	c.answer("/ledger/verify", "ledger", auth.Auditor, func(v *visit) (any, error) {
		if !verifying.TryLock() { // it reads everything
			return nil, Sorry(http.StatusTooManyRequests, "ledger.busy")
		}
		defer verifying.Unlock()
		p, err := head(v)
		if err != nil {
			return nil, err
		}
		p.Asked = true
		held, damaged, err := heldOf(v.r)
		if err != nil {
			return nil, err
		}
		p.Damaged = damaged
		if p.Report, err = l.Verify(v.r.Context(), held); err != nil {
			return nil, err
		}
		p.Rows, p.Older, err = c.entries(v.r.Context(), p.Size, "", "")
		return p, err
	}, heldMost)
	c.mux.HandleFunc("POST /ledger/export", func(w http.ResponseWriter, r *http.Request) {
		v, ok := c.changing(w, r, auth.Auditor, formMost)
		if !ok {
			return
		}
		if err := c.export(w, v); err != nil {
			c.fail(w, v, err)
		}
	})
}

// entries are those before a number, the newest first, that fit; and where the next page begins.
func (c *Console) entries(ctx context.Context, before int64, who, act string) (all []ledgerRow, older int64, err error) {
	const step = 500
	for end := before; end > 0 && before-end < ledgerScanned; {
		from := max(0, end-step)
		rows, err := c.src.Ledger.Entries(ctx, from, int(end-from))
		if err != nil {
			return nil, 0, err
		}
		for i := len(rows) - 1; i >= 0; i-- {
			e, err := audit.Decode(rows[i].Entry)
			row := ledgerRow{Seq: rows[i].Seq, Entry: e}
			if err != nil {
				row.Broken = err.Error()
			}
			if who != "" && e.Actor != who || act != "" && e.Act != act {
				continue
			}
			if all = append(all, row); len(all) == ledgerShown {
				return all, row.Seq, nil
			}
		}
		end = from
		older = end
	}
	return all, older, nil
}

// heldOf reads the checkpoints that an auditor brings.
func heldOf(r *http.Request) (held []audit.Held, damaged []string, err error) {
	f, h, err := r.FormFile("checkpoints")
	if err != nil {
		return nil, nil, nil // none: the ledger is compared with itself
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, nil, Sorry(http.StatusRequestEntityTooLarge, "ledger.big")
	}
	held, damaged = audit.SplitCheckpoints(h.Filename, b)
	if len(b) > 0 && len(held) == 0 {
		return nil, nil, Sorry(http.StatusUnprocessableEntity, "ledger.nocheckpoint")
	}
	return held, damaged, nil
}

// export writes the newest entries as a table, for the auditor's own tools; that they went out stands in the ledger first.
func (c *Console) export(w http.ResponseWriter, v *visit) error {
	ctx := v.r.Context()
	size, err := c.src.Ledger.Size(ctx)
	if err != nil {
		return err
	}
	if err := c.src.Ledger.Enter(ctx, audit.Entry{Actor: v.Who.Name, Act: "ledger-export", Why: v.Form("why")}); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="ledger.csv"`)
	out := csv.NewWriter(w)
	_ = out.Write([]string{"entry", "time", "who", "did", "for", "ground", "about", "messages", "from", "to", "why"})
	at := func(us int64) string {
		if us == 0 {
			return ""
		}
		return time.UnixMicro(us).UTC().Format(time.RFC3339Nano)
	}
	for from := max(0, size-exportMost); from < size; from += 2000 {
		rows, err := c.src.Ledger.Entries(ctx, from, int(min(2000, size-from)))
		if err != nil {
			c.cfg.Log.Error("console: the ledger's export was cut off", "err", err)
			panic(http.ErrAbortHandler) // the reader sees that it is not whole
		}
		for _, row := range rows {
			e, err := audit.Decode(row.Entry)
			if err != nil {
				e = audit.Entry{Why: "unreadable: " + err.Error()}
			}
			_ = out.Write([]string{strconv.FormatInt(row.Seq, 10), at(e.Time), plainCell(e.Actor), e.Act, e.Purpose, e.Ground, plainCell(e.About),
				strconv.FormatInt(e.Count, 10), at(e.From), at(e.To), plainCell(e.Why)})
		}
	}
	out.Flush()
	return nil
}

// plainCell keeps a spreadsheet from taking what somebody wrote for a formula.
func plainCell(s string) string {
	if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@' || s[0] == '\t' || s[0] == '\r') {
		return "'" + s
	}
	return s
}

// At is when an entry was written.
func (r ledgerRow) At() time.Time { return time.UnixMicro(r.Time) }

// SignedAt is when the newest checkpoint was signed.
func (p ledgerPage) SignedAt() time.Time {
	if p.Newest.At == 0 {
		return time.Time{}
	}
	return time.UnixMicro(p.Newest.At)
}

// Unsigned is how many entries no checkpoint covers yet.
func (p ledgerPage) Unsigned() int64 { return max(0, p.Size-p.Newest.Size) }

var _ = learn(words{
	"ledger":              {"Ledger", "監査台帳"},
	"ledger.say":          {"Who looked at what, and why. Entries are appended, never changed; checkpoints are signed and go to witnesses outside.", "誰が何を、なぜ見た・行ったかの記録です。追記のみで変更はできず、署名付きチェックポイントが外部の証人に送られます。"},
	"ledger.entries":      {"Entries", "記録件数"},
	"ledger.signed":       {"Newest checkpoint", "最新チェックポイント"},
	"ledger.unsigned":     {"Not yet signed", "未署名"},
	"ledger.key":          {"Public key", "公開鍵"},
	"ledger.act":          {"Did", "行為"},
	"ledger.about":        {"About", "対象"},
	"ledger.purpose":      {"For, on what ground", "目的・根拠"},
	"ledger.count":        {"Messages", "件数"},
	"ledger.filter":       {"Show", "絞り込み"},
	"ledger.older":        {"Older entries", "以前の記録"},
	"ledger.newest":       {"Newest entries", "最新の記録"},
	"ledger.verify":       {"Verify", "検証"},
	"ledger.verify.say":   {"Reads the whole ledger, hashes it anew and compares. With a file of checkpoints that a witness kept, what they cover is proved; without one the ledger is only compared with itself.", "台帳全体を読み直してハッシュを再計算し、照合します。証人が保管していたチェックポイントを添えると、その範囲が証明されます。添えない場合は台帳自身との照合のみです。"},
	"ledger.file":         {"Checkpoints that a witness kept", "証人が保管していたチェックポイント"},
	"ledger.ok":           {"It is as it was: none of %d entries was changed, removed or moved.", "改変・削除・入れ替えはありません（%d 件を照合）。"},
	"ledger.ok.own":       {"It fits its own %d entries and checkpoints. Nothing from elsewhere was given: who can change the database could have changed those too.", "台帳自身の %d 件とチェックポイントは整合しています。外部のチェックポイントがないため、データベースごと改変された可能性までは否定できません。"},
	"ledger.bad":          {"The ledger is not as it was.", "台帳が改変されています。"},
	"ledger.proved":       {"proved by a checkpoint held elsewhere", "外部のチェックポイントにより証明"},
	"ledger.own":          {"the ledger contradicts itself", "台帳自身の矛盾"},
	"ledger.witnessed":    {"Witnessed up to entry %d; %d later ones are not yet.", "%d 件目まで証人があり、以降の %d 件にはまだありません。"},
	"ledger.export":       {"Export for the auditor (CSV, the newest 100,000)", "監査人向けに書き出し（CSV、最新10万件）"},
	"ledger.busy":         {"Somebody is verifying just now; try again when that is done.", "ほかの人が検証中です。終わってからもう一度お試しください。"},
	"ledger.big":          {"The file is too large.", "ファイルが大きすぎます。"},
	"ledger.nocheckpoint": {"There is no checkpoint in the file.", "ファイルにチェックポイントがありません。"},
})
