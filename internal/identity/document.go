package identity

import (
	"strings"
	"time"

	"slipway/internal/identity/passkey"
	"slipway/internal/store"
)

// kind is what a document is of.
type kind string

const (
	userKind     kind = "user"
	groupKind    kind = "group"
	roleKind     kind = "role"
	policyKind   kind = "policy"
	profileKind  kind = "instance-profile"
	providerKind kind = "oidc-provider"
	deviceKind   kind = "mfa"
	accountKind  kind = "account" // one document alone
	reportKind   kind = "report"  // a job of GenerateServiceLastAccessedDetails
)

// document is one entity. A document in memory is never changed; see edit.
type document interface {
	kind() kind
	id() string
	// key is the name by which the document is found among those of its kind. Names differ in more than case.
	key() string
}

// newDocument makes an empty document of a kind, or nil if the kind is not known.
func newDocument(k kind) document {
	switch k {
	case userKind:
		return &user{}
	case groupKind:
		return &group{}
	case roleKind:
		return &role{}
	case policyKind:
		return &managedPolicy{}
	case profileKind:
		return &profile{}
	case providerKind:
		return &provider{}
	case deviceKind:
		return &device{}
	case accountKind:
		return &account{}
	case reportKind:
		return &accessReport{}
	}
	return nil
}

// head is what all entities have.
type head struct {
	ID      string      `json:"id"` // unique for ever: a namesake that is made later has another one
	Name    string      `json:"name"`
	Path    string      `json:"path"`    // /, or /…/
	Created int64       `json:"created"` // ms
	Tags    []store.Tag `json:"tags,omitempty"`
}

func (h *head) id() string       { return h.ID }
func (h *head) key() string      { return strings.ToLower(h.Name) }
func (h *head) heading() *head   { return h }
func (h *head) pathName() string { return h.Path + h.Name }

// timeMS is a time in milliseconds.
type timeMS int64

func (t timeMS) time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// inline is a policy that belongs to one entity.
type inline struct {
	Name     string `json:"name"`
	Document string `json:"document"`
}

// grants are the policies of a user, a group or a role.
type grants struct {
	Inline   []inline `json:"inline,omitempty"`
	Attached []string `json:"attached,omitempty"` // ARNs
	Boundary string   `json:"boundary,omitempty"` // ARN; groups have none
}

func (g *grants) rights() *grants { return g }

// grantee is a user, a group or a role.
type grantee interface {
	document
	heading() *head
	rights() *grants
}

// entity is a document with a head.
type entity interface {
	document
	heading() *head
}

// user is a person or a program with credentials of its own.
type user struct {
	head
	grants
	Groups      []string      `json:"groups,omitempty"` // IDs
	Keys        []accessKey   `json:"keys,omitempty"`
	Login       *login        `json:"login,omitempty"`
	Credentials []credential  `json:"credentials,omitempty"`
	SSHKeys     []sshKey      `json:"sshKeys,omitempty"`
	Passkeys    []passkey.Key `json:"passkeys,omitempty"`
	Recovery    []string      `json:"recovery,omitempty"` // hashes of recovery codes
	// Role is what a user of an earlier version was: administrator, host, runner, router.
	Role string `json:"role,omitempty"`
}

func (*user) kind() kind { return userKind }

// key sets the users of hosts apart, because a host may have the name of a person.
func (u *user) key() string {
	if u.host() {
		return strings.ToLower(HostPath + u.Name)
	}
	return strings.ToLower(u.Name)
}

// host reports whether the user is of a host.
func (u *user) host() bool { return u.Path == "/"+HostPath }

// accessKey signs requests.
type accessKey struct {
	ID       string `json:"id"`
	Secret   string `json:"secret"` // sealed
	Inactive bool   `json:"inactive,omitempty"`
	Created  int64  `json:"created"`
}

// login is a password for the pages.
type login struct {
	Hash    string   `json:"hash"` // argon2id
	Created int64    `json:"created"`
	Changed int64    `json:"changed"`
	Reset   bool     `json:"reset,omitempty"`  // the user must choose another one at the next sign-in
	Before  []string `json:"before,omitempty"` // hashes that may not be used again
}

// credential is a user name and a password for one service, such as Git over HTTP.
type credential struct {
	ID       string `json:"id"`
	Service  string `json:"service"`
	Username string `json:"username"`
	Hash     string `json:"hash"` // SHA-256 of the generated password
	Inactive bool   `json:"inactive,omitempty"`
	Created  int64  `json:"created"`
	Expires  int64  `json:"expires,omitempty"` // ms; 0 for never
}

// sshKey is a public key for Git over SSH.
type sshKey struct {
	ID          string `json:"id"`
	Body        string `json:"body"`        // in the form of authorized_keys
	Fingerprint string `json:"fingerprint"` // MD5, as IAM shows it
	Inactive    bool   `json:"inactive,omitempty"`
	Uploaded    int64  `json:"uploaded"`
}

// group gives its users its policies.
type group struct {
	head
	grants
}

func (*group) kind() kind { return groupKind }

// role is taken for a while by those whom its trust policy names.
type role struct {
	head
	grants
	Description string `json:"description,omitempty"`
	MaxSession  int32  `json:"maxSession"` // seconds
	Trust       string `json:"trust"`      // as sent
	// Bound has the unique IDs of the users and roles that the trust policy named by ARN when it was set.
	Bound  map[string]string `json:"bound,omitempty"`
	Linked string            `json:"linked,omitempty"` // the service of a service-linked role
}

func (*role) kind() kind { return roleKind }

// managedPolicy is a policy of its own, with versions.
type managedPolicy struct {
	head
	ARN         string    `json:"-"` // of AWS's and Slipway's own, which are no documents
	Description string    `json:"description,omitempty"`
	Default     string    `json:"default"`
	Versions    []version `json:"versions"` // oldest first
	Last        int       `json:"last"`     // the number of the newest version that there ever was
	Updated     int64     `json:"updated"`
}

func (*managedPolicy) kind() kind { return policyKind }

// version is a document of a managed policy.
type version struct {
	ID       string `json:"id"` // v1, v2, …
	Document string `json:"document"`
	Created  int64  `json:"created"`
}

// inEffect returns the default version.
func (p *managedPolicy) inEffect() version {
	for _, v := range p.Versions {
		if v.ID == p.Default {
			return v
		}
	}
	return version{}
}

// profile hands a role to an instance.
type profile struct {
	head
	Role string `json:"role,omitempty"` // ID
}

func (*profile) kind() kind { return profileKind }

// provider is an OpenID Connect issuer whose tokens roles may trust. Its name is the URL without the scheme.
type provider struct {
	head
	Clients     []string `json:"clients,omitempty"`
	Thumbprints []string `json:"thumbprints,omitempty"`
	Plain       bool     `json:"plain,omitempty"` // its URL has the scheme http, as only an issuer at loopback may
}

func (*provider) kind() kind    { return providerKind }
func (p *provider) key() string { return p.Name }

// device is a virtual MFA device: a seed for one-time passwords.
type device struct {
	head
	Seed    string `json:"seed"`              // sealed
	User    string `json:"user,omitempty"`    // ID
	Enabled int64  `json:"enabled,omitempty"` // ms
	Step    int64  `json:"step,omitempty"`    // of the last password that was used: none opens twice
	Drift   int64  `json:"drift,omitempty"`   // steps by which its clock is ahead
}

func (*device) kind() kind { return deviceKind }

// account has the settings of the account.
type account struct {
	Alias     string           `json:"alias,omitempty"`
	Passwords *passwordPolicy  `json:"passwords,omitempty"`
	Outbound  int64            `json:"outbound,omitempty"` // since when identity tokens are issued, ms
	Ready     int              `json:"ready,omitempty"`    // which ready-made groups and roles were made
	SignIn    []signInProvider `json:"signIn,omitempty"`   // where people may sign in
}

func (*account) kind() kind  { return accountKind }
func (*account) id() string  { return "account" }
func (*account) key() string { return "account" }

// accessReport is a job of GenerateServiceLastAccessedDetails.
type accessReport struct {
	Job     string `json:"job"`
	ARN     string `json:"arn"`
	Created int64  `json:"created"`
}

func (*accessReport) kind() kind    { return reportKind }
func (r *accessReport) id() string  { return r.Job }
func (r *accessReport) key() string { return r.Job }
