package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"net/url"
	"time"

	"slipway/internal/store"
)

// Mail is the server that mails are handed to.
type Mail struct {
	Host, Port string
	TLS        bool // from the beginning (smtps), rather than when the server offers it
	User       string
	Password   string
	From       mail.Address
}

// ParseMail reads smtp://[USER:PASSWORD@]HOST[:PORT]?from=ADDRESS, or smtps://… for TLS from the beginning.
func ParseMail(setting string) (*Mail, error) {
	const form = "--smtp must look like smtp://user:password@host:587?from=slipway@example.com, or smtps://…"
	u, err := url.Parse(setting)
	if err != nil || u.Hostname() == "" || u.Scheme != "smtp" && u.Scheme != "smtps" {
		return nil, errors.New(form)
	}
	from, err := mail.ParseAddress(u.Query().Get("from"))
	if err != nil {
		return nil, fmt.Errorf("%s; its from is no mail address: %w", form, err)
	}
	m := &Mail{Host: u.Hostname(), Port: u.Port(), TLS: u.Scheme == "smtps", From: *from}
	if m.Port == "" {
		m.Port = map[bool]string{true: "465", false: "587"}[m.TLS]
	}
	if u.User != nil {
		m.User = u.User.Username()
		m.Password, _ = u.User.Password()
	}
	return m, nil
}

// mailLimit is how long handing over a mail may take.
const mailLimit = 30 * time.Second

// send hands a mail over.
func (m *Mail) send(ctx context.Context, to string, text []byte) error {
	dialer := &net.Dialer{Timeout: mailLimit}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(m.Host, m.Port))
	if err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	if err := conn.SetDeadline(time.Now().Add(mailLimit)); err != nil {
		return errors.Join(err, conn.Close())
	}
	if m.TLS {
		conn = tls.Client(conn, &tls.Config{ServerName: m.Host})
	}
	c, err := smtp.NewClient(conn, m.Host)
	if err != nil {
		return errors.Join(fmt.Errorf("mail server: %w", err), conn.Close())
	}
	defer func() { _ = c.Close() }()
	if ok, _ := c.Extension("STARTTLS"); ok && !m.TLS {
		if err := c.StartTLS(&tls.Config{ServerName: m.Host}); err != nil {
			return fmt.Errorf("mail server: %w", err)
		}
	}
	if m.User != "" { // net/smtp sends no password without TLS, but to the machine itself
		if err := c.Auth(smtp.PlainAuth("", m.User, m.Password, m.Host)); err != nil {
			return fmt.Errorf("mail server: %w", err)
		}
	}
	if err := hand(c, m.From.Address, to, text); err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	return c.Quit()
}

func hand(c *smtp.Client, from, to string, text []byte) error {
	if err := c.Mail(from); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	return w.Close()
}

// mail sends a message to a mail address.
func (s *Service) mail(ctx context.Context, t *topic, x *subscription, m *message) (store.Outcome, error) {
	if s.Mail == nil {
		return store.Done, errors.New("the server has no mail server; start it with --smtp")
	}
	e := s.envelope(x, m)
	name := t.attributes[attributeName]
	if name == "" {
		name = "AWS Notifications"
	}
	subject, body := m.Subject, mailText(e)
	if subject == "" {
		subject = "AWS Notification Message"
	}
	if m.Type == typeConfirm {
		subject = "AWS Notification - Subscription Confirmation"
	} else if x.protocol == protocolEmailJSON {
		if err := s.sign(ctx, e, t.attributes[attributeSignature]); err != nil {
			return store.Done, err
		}
		text, err := e.encode()
		if err != nil {
			return store.Done, err
		}
		body = string(text)
	}
	text, err := s.letter(name, x.endpoint, subject, body, m)
	if err != nil {
		return store.Done, err
	}
	err = s.Mail.send(ctx, x.endpoint, text)
	if refusal, ok := errors.AsType[*textproto.Error](err); ok && refusal.Code >= 550 && refusal.Code < 560 {
		return store.Dead(err.Error()), nil
	}
	return store.Done, err
}

// mailText is what a person reads.
func mailText(e *envelope) string {
	if e.Type == typeConfirm {
		return "You have chosen to subscribe to the topic:\n" + e.TopicArn +
			"\n\nTo confirm this subscription, visit:\n" + e.SubscribeURL +
			"\n\nIf it was not you, ignore this message; it ends by itself.\n"
	}
	return e.Message + "\n\n--\nIf you wish to stop receiving notifications from this topic, visit:\n" +
		e.UnsubscribeURL + "\n"
}

// letter is a mail with its head. No text of a client can add a line to the head.
func (s *Service) letter(name, to, subject, body string, m *message) ([]byte, error) {
	from := s.Mail.From
	from.Name = name
	recipient := mail.Address{Address: to}
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", from.String()},
		{"To", recipient.String()},
		{"Subject", mime.QEncoding.Encode("utf-8", subject)},
		{"Date", time.UnixMilli(m.At).UTC().Format(time.RFC1123Z)},
		{"Message-Id", "<" + m.ID + "@slipway>"},
		{"Auto-Submitted", "auto-generated"},
		{"Mime-Version", "1.0"},
		{"Content-Type", "text/plain; charset=UTF-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	if _, err := w.Write([]byte(body)); err != nil {
		return nil, err
	}
	return b.Bytes(), w.Close()
}
