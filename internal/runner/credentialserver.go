package runner

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// credentialServer gives a build's commands the credentials of its project's role, as CodeBuild does: the SDKs and the
// aws CLI ask an address of this machine that two variables name, with a token that only the build can read. See
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
type credentialServer struct {
	url, token string // url is without a path
	identity   Identity
	server     *http.Server
}

// Tokens is an Identity that also proves to others which build it is.
type Tokens interface {
	// Token returns an identity token for an audience, and when it ends.
	Token(ctx context.Context, audience string) (token string, expires time.Time, err error)
}

// tokenName is the file with the token in the folder of tools.
const tokenName = "credentials-token"

// Where the credentials and the identity tokens are, below the server's address.
const (
	credentialPath = "/credentials"
	tokenPath      = "/token"
)

// serveCredentials begins to answer at a port of its own of the loopback interface.
func serveCredentials(identity Identity) (*credentialServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	var secret [32]byte
	_, _ = rand.Read(secret[:])
	s := &credentialServer{
		url:      "http://" + listener.Addr().String(),
		token:    base64.RawURLEncoding.EncodeToString(secret[:]),
		identity: identity,
	}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: callLimit, MaxHeaderBytes: 16 << 10}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// ServeHTTP answers who has the token. Others learn nothing.
func (s *credentialServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	proof := r.Header.Get("Authorization")
	if scheme, token, ok := strings.Cut(proof, " "); ok && strings.EqualFold(scheme, "Bearer") { // of actions
		proof = token
	}
	given := subtle.ConstantTimeCompare([]byte(proof), []byte(s.token)) == 1
	ctx, cancel := context.WithTimeout(r.Context(), callLimit)
	defer cancel()
	var answer map[string]string
	var err error
	switch {
	case !given || r.Method != http.MethodGet:
		http.Error(w, "not found", http.StatusNotFound)
		return
	case r.URL.Path == credentialPath:
		answer, err = s.credentials(ctx)
	case r.URL.Path == tokenPath:
		answer, err = s.identityToken(ctx, r.URL.Query().Get("audience"))
	default:
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		answer = map[string]string{"code": "Unavailable", "message": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// credentials are an answer of the form that SDKs read.
func (s *credentialServer) credentials(ctx context.Context) (map[string]string, error) {
	as, err := s.identity.Credentials(ctx)
	if err != nil {
		return nil, err
	}
	answer := map[string]string{
		"AccessKeyId":     as.Key.AccessKeyID,
		"SecretAccessKey": as.Key.SecretAccessKey,
		"Token":           as.Key.SessionToken,
	}
	if !as.Expires.IsZero() {
		answer["Expiration"] = as.Expires.UTC().Format(time.RFC3339)
	}
	return answer, nil
}

// identityToken is the answer to a build that has to prove to others which build it is.
func (s *credentialServer) identityToken(ctx context.Context, audience string) (map[string]string, error) {
	tokens, ok := s.identity.(Tokens)
	switch {
	case !ok:
		return nil, errors.New("this build has no identity tokens")
	case audience == "":
		return nil, errors.New("say for whom the token is: ?audience=NAME")
	}
	token, expires, err := tokens.Token(ctx, audience)
	if err != nil {
		return nil, err
	}
	return map[string]string{"value": token, "expiration": expires.UTC().Format(time.RFC3339)}, nil
}

func (s *credentialServer) close() { _ = s.server.Close() }

// ownKeys are variables by which a build says that its clients use other credentials than the role's.
var ownKeys = []string{"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ENDPOINT_URL"}

// identify checks that the build may act as the role of its project, and lets its commands do so.
func (b *build) identify(ctx context.Context) error {
	if b.Identity == nil || b.Endpoint == "" {
		return nil
	}
	err := b.awaitIdentity(ctx)
	if err == nil {
		b.answers, err = serveCredentials(b.Identity)
	}
	return err
}

// awaitIdentity waits for the server while it is away. A role that the build may not have ends the build.
func (b *build) awaitIdentity(ctx context.Context) error {
	for pause := time.Duration(0); ; {
		_, err := b.Identity.Credentials(ctx)
		if refused, ok := errors.AsType[errRefused](err); ok {
			return fail("ACCESS_DENIED", "%w", refused.error)
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
		if pause == 0 {
			b.log.say("The build waits for its credentials: %v", err)
		}
		pause = min(max(2*pause, 50*time.Millisecond), maxBackoff)
		wait(ctx, pause)
	}
}

// awsEnvironment lets the SDKs and the aws CLI in a build talk to this server as the role of its project, unless the
// build brings credentials or an address of its own. Identity tokens are for it in any case.
func (b *build) awsEnvironment(env map[string]string) error {
	if b.answers == nil {
		return nil
	}
	// The token is in a file: a command that prints the environment must not print it.
	file, inside, err := b.space.tool(tokenName)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(b.answers.token), 0o600); err != nil {
		return err
	}
	if err := b.space.own(file); err != nil {
		return err
	}
	env["ID_TOKEN_URL"], env["ID_TOKEN_AUTHORIZATION_FILE"] = b.answers.url+tokenPath, inside
	if b.hasSteps() { // actions look for them by GitHub's names, and add &audience= to the URL
		b.log.conceal(b.answers.token)
		env["ACTIONS_ID_TOKEN_REQUEST_URL"] = b.answers.url + tokenPath + "?api-version=2.0"
		env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = b.answers.token
	}
	for _, name := range ownKeys {
		if env[name] != "" {
			return nil
		}
	}
	env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = b.answers.url + credentialPath
	env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = inside
	env["AWS_ENDPOINT_URL"] = b.Endpoint
	trusted, err := b.trustedByGit()
	if trusted != "" && env["AWS_CA_BUNDLE"] == "" {
		env["AWS_CA_BUNDLE"] = trusted
	}
	return err
}
