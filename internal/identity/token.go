package identity

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
)

// Credentials are temporary ones.
type Credentials struct {
	ID, Secret, Token string
	Expires           time.Time
}

// ticket is what a session token holds, sealed. Nothing of it is kept: every server with the key that seals it honours
// it. What ends it before its time is in the model: the role, the user and its key. Sessions of a role that must end
// without it get a policy that denies everything to those that were issued before a time (aws:TokenIssueTime), as AWS's
// AWSRevokeOlderSessions.
type ticket struct {
	Secret  string `json:"s"`
	Issued  int64  `json:"i"` // ms
	Expires int64  `json:"e"`
	Role    string `json:"r,omitempty"` // the unique ID of the role that is assumed
	Parent  string `json:"u,omitempty"` // the user whose session it is, if there is no role
	Key     string `json:"k,omitempty"` // the access key of that user, with which it ends
	// Name is the session's, or that of a federated user; "" for a user's own session.
	Name       string            `json:"n,omitempty"`
	MFA        bool              `json:"m,omitempty"`
	MFAAt      int64             `json:"ma,omitempty"` // when the second factor was shown, ms; 0 for Issued
	Tags       map[string]string `json:"t,omitempty"`
	Transitive []string          `json:"tk,omitempty"`
	Source     string            `json:"si,omitempty"`
	Policy     string            `json:"p,omitempty"`
	PolicyARNs []string          `json:"pa,omitempty"`
	Provider   string            `json:"f,omitempty"` // the identity provider
	Chained    bool              `json:"c,omitempty"`
	Work       string            `json:"w,omitempty"` // that the credentials end with, such as a build
}

const sessionPlace = "session token "

// colon stands for the colon of a sealed text in a session token, which is part of the user name in Git's requests.
const colon = "."

// newSessionID is the access key of temporary credentials. Its end proves that it was made here.
func (s *Service) newSessionID() string {
	id := "ASIA" + randomID()[:11]
	return id + s.sessionMark(id)
}

func (s *Service) sessionMark(id string) string {
	mac := hmac.New(sha256.New, s.Seal.Key("session access keys"))
	mac.Write([]byte(id))
	return base32.StdEncoding.EncodeToString(mac.Sum(nil))[:5]
}

// issue makes temporary credentials.
func (s *Service) issue(t *ticket, life time.Duration) Credentials {
	now := s.Now()
	t.Secret, t.Issued, t.Expires = randomKey(), now.UnixMilli(), now.Add(life).UnixMilli()
	id := s.newSessionID()
	text, _ := json.Marshal(t) //nolint:gosec // sealed in the next line
	sealed := s.Seal.Seal(text, sessionPlace+id)
	return Credentials{id, t.Secret, strings.Replace(sealed, ":", colon, 1), timeMS(t.Expires).time()}
}

// tickets keeps session tokens that were opened.
type tickets struct {
	mu   sync.RWMutex
	open map[string]*ticket // by access key and token
}

// ticketsKept bounds how many opened tokens are kept.
const ticketsKept = 4096

// ticket opens a session token, or returns nil if it is none that was made here for this access key.
func (s *Service) ticket(id, token string) *ticket {
	name := id + " " + token
	s.tickets.mu.RLock()
	t := s.tickets.open[name]
	s.tickets.mu.RUnlock()
	if t != nil {
		return t
	}
	text, err := s.Seal.Open(strings.Replace(token, colon, ":", 1), sessionPlace+id)
	if err != nil {
		return nil
	}
	t = &ticket{}
	if json.Unmarshal(text, t) != nil {
		return nil
	}
	s.tickets.mu.Lock()
	defer s.tickets.mu.Unlock()
	if s.tickets.open == nil || len(s.tickets.open) >= ticketsKept {
		s.tickets.open = map[string]*ticket{}
	}
	s.tickets.open[name] = t
	return t
}

// temporary reports whether an access key is of temporary credentials.
func temporary(id string) bool { return strings.HasPrefix(id, "ASIA") }

// valid finds the ticket of temporary credentials. An error says that their time is over.
func (s *Service) valid(ctx context.Context, id, token string) (*ticket, error) {
	t := s.ticket(id, token)
	if t == nil {
		return nil, nil //nolint:nilnil // there are none
	}
	if t.Role != "" && s.model.get(roleKind, t.Role) == nil {
		return nil, nil //nolint:nilnil // their role is gone
	}
	if over, err := s.ended(ctx, t.Work); over || err != nil {
		return nil, err
	}
	if t.Parent != "" {
		u, _ := s.model.get(userKind, t.Parent).(*user)
		if u == nil {
			return nil, nil //nolint:nilnil // their user is gone
		}
		if k := u.accessKey(t.Key); t.Key != "" && (k == nil || k.Inactive) {
			return nil, nil //nolint:nilnil // the key that made them is
		}
	}
	if s.Now().UnixMilli() >= t.Expires {
		return nil, &sigv4.Error{
			Kind:    sigv4.ExpiredToken,
			Message: "The security token included in the request is expired",
		}
	}
	return t, nil
}

// bearer is who holds a ticket.
func (s *Service) bearer(id string, t *ticket) (awsproto.Caller, error) {
	c := awsproto.Caller{Account: s.Account, AccessKeyID: id, Name: t.Name, Session: &awsproto.Session{
		RoleID:         t.Role,
		Parent:         t.Parent,
		Name:           t.Name,
		Issued:         timeMS(t.Issued).time(),
		Expires:        timeMS(t.Expires).time(),
		MFA:            t.MFA,
		MFATime:        timeMS(cmp.Or(t.MFAAt, t.Issued)).time(),
		Tags:           t.Tags,
		Transitive:     t.Transitive,
		SourceIdentity: t.Source,
		Policy:         t.Policy,
		PolicyARNs:     t.PolicyARNs,
		Federated:      t.Provider,
	}}
	if t.Role != "" {
		r, _ := s.model.get(roleKind, t.Role).(*role)
		if r == nil {
			return c, errGone()
		}
		c.Session.RoleARN = s.arnOf(r)
		c.ARN, c.UserID = s.sessionARN(r, t.Name), r.ID+":"+t.Name
		return c, nil
	}
	u, _ := s.model.get(userKind, t.Parent).(*user)
	switch {
	case u == nil:
		return c, errGone()
	case t.Name != "":
		c.ARN, c.UserID = s.federatedARN(t.Name), s.Account+":"+t.Name
	default:
		own := s.callerOf(u, id)
		own.Session = c.Session
		c = own
	}
	return c, nil
}

func (s *Service) sessionARN(r *role, name string) string {
	return "arn:aws:sts::" + s.Account + ":assumed-role/" + r.Name + "/" + name
}

func (s *Service) federatedARN(name string) string {
	return "arn:aws:sts::" + s.Account + ":federated-user/" + name
}
