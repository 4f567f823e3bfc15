package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sekisho/sekisho/door/smppdoor"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/store"
)

// keeper keeps for the SMPP door what it answers for itself: sealed, and by pseudonym, in the store.
type keeper struct {
	store *store.Store
	seal  *record.Sealer
	key   *record.Key
	// choices say whose pseudonym is that of the day; nil knows none.
	choices purpose.Chooser
}

// sealed is what only the key of its day opens.
type sealed struct {
	Command  smpp.Command `json:"command"`
	Bodies   [][]byte     `json:"bodies"`
	Via      string       `json:"via"`
	Alias    string       `json:"alias,omitempty"`
	AtOnce   []byte       `json:"at_once,omitempty"`
	OnExpiry []byte       `json:"on_expiry,omitempty"`
}

// Hold seals messages and keeps them; they are on disk when it returns nil.
func (k *keeper) Hold(ctx context.Context, all []*smppdoor.Held) error {
	errs := make(chan error, len(all))
	for _, h := range all {
		row, err := k.row(ctx, h)
		if err != nil {
			return err
		}
		go func() { errs <- k.store.Hold(ctx, row) }() // the store commits many at once
	}
	var err error
	for range all {
		err = errors.Join(err, <-errs)
	}
	return err
}

func (k *keeper) row(ctx context.Context, h *smppdoor.Held) (*store.Held, error) {
	plain, err := json.Marshal(sealed{h.Command, h.Bodies, h.Via, h.Alias, h.AtOnce, h.OnExpiry})
	if err != nil {
		return nil, err
	}
	box, err := k.seal.Seal(ctx, h.Time, plain, []byte(h.ID))
	if err != nil {
		return nil, err
	}
	from := k.key.Address(h.From)
	if line := h.From.Line(); line != 0 && k.choices != nil && k.choices.Choice(line, purpose.InfectionNotice) == purpose.OptedOut {
		from = k.key.Daily(h.From, h.Time)
	}
	row := &store.Held{
		ID: h.ID, Time: h.Time.UnixMicro(), Expires: h.Expires.UnixMicro(), Account: h.Account, Route: h.Route,
		Class: h.Class, Outcome: h.Outcome, From: from, To: k.key.Address(h.To), Sealed: box, Once: h.Group,
		WantReceipt: h.AtOnce != nil || h.OnExpiry != nil, State: store.StateHeld,
	}
	if h.Outcome == message.Block {
		row.State = store.StateRejected
	}
	return row, nil
}

func (k *keeper) open(ctx context.Context, h *store.Held) (sealed, error) {
	var s sealed
	plain, err := k.seal.Open(ctx, h.Sealed, []byte(h.ID))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(plain, &s)
}

var heldStates = map[store.HeldState]smpp.State{
	store.StateHeld: smpp.StateAccepted, store.StateReleasing: smpp.StateAccepted, store.StateReleased: smpp.StateEnroute,
	store.StateExpired: smpp.StateExpired, store.StateDeleted: smpp.StateDeleted, store.StateRejected: smpp.StateRejected,
}

// State tells what became of a held message.
func (k *keeper) State(ctx context.Context, account, id string) (smpp.State, time.Time, bool, error) {
	h, err := k.store.HeldByID(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && h.Account != account {
		return 0, time.Time{}, false, nil
	}
	if err != nil {
		return 0, time.Time{}, false, err
	}
	return heldStates[h.State], time.UnixMicro(h.Decided), true, nil
}

// Cancel ends a held message for good.
func (k *keeper) Cancel(ctx context.Context, account, id string) (bool, error) {
	if _, _, ok, err := k.State(ctx, account, id); !ok || err != nil {
		return false, err
	}
	_, err := k.store.Move(ctx, id, store.StateHeld, store.StateDeleted, time.Now().UnixMicro(), "account "+account)
	if errors.Is(err, store.ErrMoved) {
		return false, nil
	}
	return err == nil, err
}

// Take gives a held message, with the other parts of a long one, to be released, and only once.
func (k *keeper) Take(ctx context.Context, id string) ([]*smppdoor.Held, error) {
	first, err := k.store.HeldByID(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, smppdoor.ErrNotHeld
	}
	if err != nil {
		return nil, err
	}
	group, err := k.store.HeldWith(ctx, first.Once)
	if err != nil {
		return nil, err
	}
	var all []*smppdoor.Held
	for _, g := range group {
		h, err := k.store.Move(ctx, g.ID, store.StateHeld, store.StateReleasing, time.Now().UnixMicro(), "release")
		if errors.Is(err, store.ErrMoved) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s, err := k.open(ctx, h)
		if err != nil {
			return nil, fmt.Errorf("held message %s: %w", h.ID, err)
		}
		all = append(all, &smppdoor.Held{ID: h.ID, Group: h.Once, Account: h.Account, Route: h.Route, Outcome: h.Outcome,
			Time: time.UnixMicro(h.Time), Expires: time.UnixMicro(h.Expires), Via: s.Via, Alias: s.Alias, Command: s.Command, Bodies: s.Bodies,
			AtOnce: s.AtOnce, OnExpiry: s.OnExpiry})
	}
	if len(all) == 0 {
		return nil, smppdoor.ErrNotHeld
	}
	return all, nil
}

// Released notes how the submit of a released message ended. What the SMSC refused for now can be released again; what was
// sent and not answered is never sent again.
func (k *keeper) Released(ctx context.Context, id string, st smpp.Status) error {
	to := store.StateReleased
	if st == smpp.StatusThrottled || st == smpp.StatusMsgQFul {
		to = store.StateHeld
	}
	_, err := k.store.Move(ctx, id, store.StateReleasing, to, time.Now().UnixMicro(), "release: "+st.String())
	return err
}

// Expire ends what is held past its time.
func (k *keeper) Expire(ctx context.Context, now time.Time) error {
	for {
		done, err := k.store.ExpireHeld(ctx, now.UnixMicro(), 500)
		if err != nil || len(done) < 500 {
			return err
		}
	}
}

// Owe keeps a receipt of ours that belongs to no held message.
func (k *keeper) Owe(ctx context.Context, account string, deliverSM []byte) error {
	now := time.Now()
	id := smppdoor.NewReceiptID()
	plain, err := json.Marshal(sealed{AtOnce: deliverSM})
	if err != nil {
		return err
	}
	box, err := k.seal.Seal(ctx, now, plain, []byte(id))
	if err != nil {
		return err
	}
	return k.store.Hold(ctx, &store.Held{ID: id, Time: now.UnixMicro(), Expires: now.Add(7 * day).UnixMicro(), Account: account,
		Route: message.A2P, Class: message.Ham, Outcome: message.Deliver, Sealed: box, Once: id, WantReceipt: true, State: store.StateReceipt})
}

// Owed gives the oldest receipts that an account has not taken.
func (k *keeper) Owed(ctx context.Context, account string, limit int) ([]smppdoor.Owed, error) {
	rows, err := k.store.Owed(ctx, account, limit)
	if err != nil {
		return nil, err
	}
	var all []smppdoor.Owed
	for _, o := range rows {
		s, err := k.open(ctx, &o.Held)
		if err != nil {
			return all, fmt.Errorf("receipt of %s: %w", o.ID, err)
		}
		body := s.AtOnce
		if o.Receipt != record.Rejected && o.State != store.StateReceipt {
			body = smppdoor.ReceiptAs(s.OnExpiry, smpp.State(o.Receipt), time.UnixMicro(o.At))
		}
		all = append(all, smppdoor.Owed{Key: o.ID, DeliverSM: body})
	}
	return all, nil
}

// Paid strikes a receipt out.
func (k *keeper) Paid(ctx context.Context, id string) error { return k.store.Paid(ctx, id) }
