package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"slipway/api/awsproto"
	"slipway/api/sts"
	"slipway/internal/identity/policy"
)

const (
	// issuerTime bounds a request to an issuer.
	issuerTime = 5 * time.Second
	// maxIssuerAnswer bounds what an issuer answers, in bytes.
	maxIssuerAnswer = 1 << 20
	// issuerKept is how long what an issuer says of itself is kept.
	issuerKept = time.Hour
	// issuerPause is how long an issuer is not asked again after it failed, or after its keys were fetched.
	issuerPause = 10 * time.Second
)

// issuers keeps what was asked of identity providers.
type issuers struct {
	mu    sync.Mutex
	known map[string]*issuerKeys
}

// issuerKeys verifies the tokens of an issuer.
type issuerKeys struct {
	verifier *oidc.IDTokenVerifier
	err      error
	until    time.Time
}

// issuerClient asks issuers. It follows no redirects to other schemes, and reads no more than it must.
func issuerClient() *http.Client {
	return &http.Client{
		Timeout:   issuerTime,
		Transport: &bounded{from: map[string]cachedAnswer{}},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 || r.URL.Scheme != via[0].URL.Scheme {
				return errors.New("the issuer redirects elsewhere")
			}
			return nil
		},
	}
}

// plainClient asks a provider for what is each time another: it keeps no answers.
func plainClient() *http.Client {
	c := issuerClient()
	c.Transport = nil
	return c
}

// bounded reads answers up to a size, and gives the same answer again if it is asked soon again: tokens that name
// unknown keys must not make the server ask the issuer each time.
type bounded struct {
	mu   sync.Mutex
	from map[string]cachedAnswer
}

type cachedAnswer struct {
	status int
	header http.Header
	body   []byte
	until  time.Time
}

// RoundTrip implements http.RoundTripper.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	kept, ok := b.from[r.URL.String()]
	b.mu.Unlock()
	if !ok || time.Now().After(kept.until) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxIssuerAnswer+1))
		if err != nil {
			return nil, err
		}
		if len(body) > maxIssuerAnswer {
			return nil, fmt.Errorf("%s answers more than %d bytes", r.URL.Host, maxIssuerAnswer)
		}
		kept = cachedAnswer{resp.StatusCode, resp.Header, body, time.Now().Add(issuerPause)}
		b.mu.Lock()
		b.from[r.URL.String()] = kept
		b.mu.Unlock()
	}
	return &http.Response{
		Status: http.StatusText(kept.status), StatusCode: kept.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: kept.header.Clone(), Body: io.NopCloser(strings.NewReader(string(kept.body))),
		ContentLength: int64(len(kept.body)), Request: r,
	}, nil
}

// verifier returns what verifies the tokens of an issuer. It asks the issuer once an hour.
func (i *issuers) verifier(url string, now func() time.Time) (*oidc.IDTokenVerifier, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if k := i.known[url]; k != nil && now().Before(k.until) {
		return k.verifier, k.err
	}
	// The keys are fetched later too, with the context that the provider was made with.
	ctx := oidc.ClientContext(context.Background(), issuerClient())
	k := &issuerKeys{until: now().Add(issuerPause)}
	p, err := oidc.NewProvider(ctx, url)
	if err != nil {
		k.err = err
	} else {
		k.until = now().Add(issuerKept)
		k.verifier = p.Verifier(&oidc.Config{
			SkipClientIDCheck: true, // the provider's list is checked, in AWS's words
			SupportedSigningAlgs: []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384,
				oidc.ES512},
			Now: now,
		})
	}
	if i.known == nil {
		i.known = map[string]*issuerKeys{}
	}
	i.known[url] = k
	return k.verifier, k.err
}

// claims are those of a token.
type claims map[string]any

// texts are the values of a claim.
func (c claims) texts(name string) []string {
	switch x := c[name].(type) {
	case string:
		return []string{x}
	case bool:
		return []string{strconv.FormatBool(x)}
	case float64:
		return []string{strconv.FormatFloat(x, 'f', -1, 64)}
	case []any:
		var all []string
		for _, e := range x {
			if t, ok := e.(string); ok {
				all = append(all, t)
			}
		}
		return all
	}
	return nil
}

// unverified reads the claims of a token before its issuer is known.
func unverified(token string) (claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errors.New("a token has three parts")
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var c claims
	return c, json.Unmarshal(text, &c)
}

// AssumeRoleWithWebIdentity implements sts:AssumeRoleWithWebIdentity. The request is not signed: the token and the
// role's trust policy decide.
func (s *Service) AssumeRoleWithWebIdentity(ctx context.Context,
	in *sts.AssumeRoleWithWebIdentityInput) (*sts.AssumeRoleWithWebIdentityOutput, error) {
	if in.ProviderId != nil {
		return nil, invalid("ProviderId is for OAuth 2.0 access tokens, which are not taken here. OpenID Connect ID " +
			"tokens need none.")
	}
	if err := padded("AssumeRoleWithWebIdentity", in.MinimumSessionTokenSize); err != nil {
		return nil, err
	}
	p, c, err := s.verify(*in.WebIdentityToken)
	if err != nil {
		return nil, err
	}
	r := s.view().roleOf(*in.RoleArn)
	t := &ticket{Name: *in.RoleSessionName, Provider: s.providerARN(p)}
	if err := t.claimTags(c); err != nil {
		return nil, err
	}
	if r == nil || !s.trustsToken(ctx, r, p, c, t) {
		return nil, &awsproto.Error{Code: "AccessDenied", Status: http.StatusForbidden,
			Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity"}
	}
	t.Role = r.ID
	life, err := roleLife(r, in.DurationSeconds, false)
	if err != nil {
		return nil, err
	}
	policies := &ticket{}
	if err := s.passed(policies, in.Policy, in.PolicyArns, nil, nil); err != nil {
		return nil, err
	}
	t.Policy, t.PolicyARNs = policies.Policy, policies.PolicyARNs
	made := s.issue(t, life)
	return &sts.AssumeRoleWithWebIdentityOutput{
		Credentials:                 shownCredentials(made),
		AssumedRoleUser:             s.assumed(r, t.Name),
		Audience:                    new(audience(c)[0]),
		Provider:                    new(c.texts("iss")[0]),
		SubjectFromWebIdentityToken: someText(first(c.texts("sub"))),
		PackedPolicySize:            t.packed(),
		SourceIdentity:              someText(t.Source),
	}, nil
}

func first(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// audience is for whom a token is: the authorized party if it names one, as AWS has it.
func audience(c claims) []string {
	if azp := c.texts("azp"); len(azp) > 0 {
		return azp
	}
	return c.texts("aud")
}

// verify checks a token against the account's identity providers.
func (s *Service) verify(token string) (*provider, claims, error) {
	c, err := unverified(token)
	if err != nil {
		return nil, nil, &sts.InvalidIdentityTokenException{
			Message: "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"}
	}
	issuer := first(c.texts("iss"))
	name, plain, err := issuerURL(issuer)
	p, _ := s.model.find(providerKind, name).(*provider)
	if err != nil || p == nil || p.Plain != plain {
		return nil, nil, &sts.InvalidIdentityTokenException{
			Message: "No OpenIDConnect provider found in your account for " + issuer}
	}
	v, err := s.issuers.verifier(issuer, s.Now)
	if err != nil {
		return nil, nil, &sts.IDPCommunicationErrorException{
			Message: "The identity provider " + issuer + " does not answer as it should: " + err.Error()}
	}
	if _, err := v.Verify(context.Background(), token); err != nil {
		if expired, ok := errors.AsType[*oidc.TokenExpiredError](err); ok {
			return nil, nil, &sts.ExpiredTokenException{
				Message: fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d",
					s.Now().Unix(), expired.Expiry.Unix())}
		}
		return nil, nil, &sts.InvalidIdentityTokenException{
			Message: "Couldn't retrieve verification key from your identity provider,  please reference " +
				"AssumeRoleWithWebIdentity documentation for requirements. (" + err.Error() + ")"}
	}
	if !slices.ContainsFunc(audience(c), func(a string) bool { return slices.Contains(p.Clients, a) }) {
		return nil, nil, &sts.InvalidIdentityTokenException{Message: "Incorrect token audience"}
	}
	return p, c, nil
}

// tagsClaim is where a token has session tags, and the source identity.
const (
	tagsClaim   = "https://aws.amazon.com/tags"
	sourceClaim = "https://aws.amazon.com/source_identity"
)

// claimTags takes the session tags and the source identity of a token.
func (t *ticket) claimTags(c claims) error {
	t.Source = first(c.texts(sourceClaim))
	raw, ok := c[tagsClaim]
	if !ok {
		return nil
	}
	text, err := json.Marshal(raw)
	if err != nil {
		return err
	}
	var given struct {
		Principal  map[string][]string `json:"principal_tags"`
		Transitive []string            `json:"transitive_tag_keys"`
	}
	if err := json.Unmarshal(text, &given); err != nil {
		return &sts.InvalidIdentityTokenException{Message: "The claim " + tagsClaim + " of the token is not valid."}
	}
	var tags []sts.Tag
	for k, values := range given.Principal {
		if len(values) != 1 || k == "" {
			return &sts.InvalidIdentityTokenException{
				Message: "The claim " + tagsClaim + " of the token must have one value for each tag."}
		}
		tags = append(tags, sts.Tag{Key: &k, Value: &values[0]})
	}
	return t.tag(tags, given.Transitive)
}

// trustsToken reports whether a role's trust policy lets the bearer of a token assume it. Conditions can ask for each
// claim that is a text, a number or a list of texts, as HOST/PATH:CLAIM.
func (s *Service) trustsToken(ctx context.Context, r *role, p *provider, c claims, t *ticket) bool {
	trust := s.trustOf(r)
	if trust == nil {
		return false
	}
	values := policy.Values{
		"aws:currenttime":       {s.Now().UTC().Format(time.RFC3339)},
		"aws:epochtime":         {strconv.FormatInt(s.Now().Unix(), 10)},
		"aws:requestedregion":   {s.Region},
		"aws:federatedprovider": {t.Provider},
		"sts:rolesessionname":   {t.Name},
	}
	peer := awsproto.PeerOf(ctx)
	if peer.Address.IsValid() {
		values["aws:sourceip"] = []string{peer.Address.String()}
		values["aws:securetransport"] = []string{strconv.FormatBool(peer.Secure)}
		values["aws:useragent"] = []string{peer.UserAgent}
	}
	for name := range c {
		if texts := c.texts(name); len(texts) > 0 {
			values[strings.ToLower(p.Name+":"+name)] = texts
		}
	}
	values[strings.ToLower(p.Name+":aud")] = audience(c)
	if _, list := c["aud"].([]any); !list || len(c.texts("azp")) > 0 {
		values[strings.ToLower(p.Name+":aud")] = audience(c)[:1]
	}
	actions := []string{"sts:AssumeRoleWithWebIdentity"}
	if len(t.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
		var keys []string
		for k, v := range t.Tags {
			values["aws:requesttag/"+strings.ToLower(k)] = []string{v}
			keys = append(keys, k)
		}
		values["aws:tagkeys"] = keys
		values["sts:transitivetagkeys"] = t.Transitive
	}
	if t.Source != "" {
		actions = append(actions, "sts:SetSourceIdentity")
		values["sts:sourceidentity"] = []string{t.Source}
	}
	for _, action := range actions {
		d := policy.Decide(policy.Sources{
			Resource: []policy.Attached{{Policy: trust, Name: r.Name}},
			Alone:    true,
		}, policy.Request{
			Principal: policy.Principal{Account: s.Account, Federated: t.Provider},
			Action:    action,
			Resource:  s.arnOf(r),
			Account:   s.Account,
			Context:   values,
		})
		if !d.Allowed {
			return false
		}
	}
	return true
}
