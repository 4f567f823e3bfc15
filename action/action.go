// Package action does something about a case: it plans what the owner of a line is told, by which way and when, and carries out what a person
// agreed to. Planning is pure and needs the leave of the contract. Nothing leaves while Config.Send is false, which it is unless somebody says otherwise.
package action

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"time"
	_ "time/tzdata" // quiet hours are those of the subscribers, wherever the machine is

	"github.com/sekisho/sekisho/settings"
)

// Config says how owners are told. Channels that are not set up are not used.
type Config struct {
	Send      bool              `toml:"send"`      // false: everything is planned and agreed to, nothing leaves
	Operator  string            `toml:"operator"`  // as it calls itself to its subscribers
	Phone     string            `toml:"phone"`     // of customer care, as subscribers dial it; stands in every notice
	Contacts  string            `toml:"contacts"`  // CSV of how holders of lines are reached; empty: customer care calls
	Templates string            `toml:"templates"` // folder; empty: the embedded ones
	Zone      string            `toml:"zone"`
	QuietFrom Clock             `toml:"quiet_from"` // no calls and no texts from then on; mail and letters wake nobody
	QuietTo   Clock             `toml:"quiet_to"`
	NoCalls   bool              `toml:"no_calls"` // customer care makes no calls: whom neither mail nor letters reach gets a text
	PerHour   int               `toml:"per_hour"` // notices
	Again     settings.Duration `toml:"again"`    // no second notice sooner
	Mail      MailConfig        `toml:"mail"`
	Post      PostConfig        `toml:"post"`
	SMS       SMSConfig         `toml:"sms"`
}

// MailConfig is the mail server that notices go out by.
type MailConfig struct {
	Server   string `toml:"server"` // HOST:PORT; empty: no mail
	From     string `toml:"from"`
	User     string `toml:"user"`
	Password string `toml:"password_file"`
}

// PostConfig is where letters wait for the letter shop.
type PostConfig struct {
	Folder string `toml:"folder"` // empty: no letters
}

// SMSConfig is the operator's own short code.
type SMSConfig struct {
	Code     string `toml:"code"`     // empty: no texts
	Upstream string `toml:"upstream"` // the SMSC that takes them, by its name; empty: the first
}

// Default tells nobody: it has no channel but the list for customer care, and sends nothing.
func Default() Config {
	return Config{Zone: "Asia/Tokyo", QuietFrom: Clock(21 * time.Hour), QuietTo: Clock(9 * time.Hour), PerHour: 100,
		Again: settings.Duration{Duration: 14 * 24 * time.Hour}}
}

// Check says what is wrong with a configuration.
func (c *Config) Check() error {
	if _, err := c.zone(); err != nil {
		return err
	}
	switch {
	case c.PerHour < 1:
		return fmt.Errorf("per_hour: %d; it is 1 or more", c.PerHour)
	case c.Again.Duration < 24*time.Hour:
		return fmt.Errorf("again: %v; nobody is told twice a day", c.Again)
	case c.Send && (strings.TrimSpace(c.Operator) == "" || strings.TrimSpace(c.Phone) == ""):
		return errors.New("operator, phone: a notice says whom it is from and whom to call; name both before send is true")
	}
	if c.SMS.Code != "" && (len(c.SMS.Code) > 15 || strings.Trim(c.SMS.Code, "0123456789") != "") {
		return errors.New("sms.code: a short code is digits")
	}
	if c.Mail.Server == "" {
		return nil
	}
	if host, port, err := net.SplitHostPort(c.Mail.Server); err != nil || host == "" || port == "" {
		return errors.New("mail.server: it is HOST:PORT")
	}
	if _, err := mail.ParseAddress(c.Mail.From); err != nil {
		return errors.New("mail.from: it is no address")
	}
	if (c.Mail.User == "") != (c.Mail.Password == "") {
		return errors.New("mail.user, mail.password_file: one does not go without the other")
	}
	return nil
}

func (c *Config) zone() (*time.Location, error) {
	z, err := time.LoadLocation(c.Zone)
	if err != nil || c.Zone == "" {
		return nil, fmt.Errorf("zone: %.40q is no time zone, as Asia/Tokyo", c.Zone)
	}
	return z, nil
}

// Clock is a time of the day, as what has passed since midnight.
type Clock time.Duration

// UnmarshalText reads "21:00".
func (c *Clock) UnmarshalText(b []byte) error {
	t, err := time.Parse("15:04", string(b))
	if err != nil {
		return fmt.Errorf("%.20q is no time of the day, as 21:00", b)
	}
	*c = Clock(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute)
	return nil
}

// MarshalText writes "21:00".
func (c Clock) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%02d:%02d", int(time.Duration(c).Hours()), int(time.Duration(c).Minutes())%60), nil
}

// Awake is the first time from now on at which calls and texts may be made.
func (c *Config) Awake(now time.Time) (time.Time, error) {
	z, err := c.zone()
	if err != nil {
		return now, err
	}
	t := now.In(z)
	clock := Clock(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second +
		time.Duration(t.Nanosecond()))
	from, to := c.QuietFrom, c.QuietTo
	quiet := clock >= from && clock < to
	if from > to { // over midnight
		quiet = clock >= from || clock < to
	}
	if !quiet {
		return now, nil
	}
	day := t.Day()
	if clock >= to { // tomorrow
		day++
	}
	h, m := int(time.Duration(to).Hours()), int(time.Duration(to).Minutes())%60
	return time.Date(t.Year(), t.Month(), day, h, m, 0, 0, z), nil
}
