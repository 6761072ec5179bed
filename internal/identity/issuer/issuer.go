// Package issuer issues identity tokens: JSON web tokens that say who asked for them, which others can verify with the
// keys that this package publishes. Its table is in the migrations of package identity.
package issuer

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"slipway/internal/store"
	"slipway/internal/store/seal"
)

// The algorithms of tokens.
const (
	RS256 = "RS256"
	ES384 = "ES384"
)

const (
	// rotateAfter is how long a key signs.
	rotateAfter = 90 * 24 * time.Hour
	// publishedFor is how long a key is published. It is longer than it signs, so that its last tokens can be verified.
	publishedFor = rotateAfter + 7*24*time.Hour
	// keptFor is how long what was read of the keys is used to answer whoever asks for them.
	keptFor = 10 * time.Second
	rsaBits = 2048

	// configurationPath and keysPath are where verifiers look.
	configurationPath = "/.well-known/openid-configuration"
	keysPath          = "/.well-known/jwks.json"
)

// Issuer issues tokens.
type Issuer struct {
	Config
	db *store.Store

	mu   sync.Mutex
	keys []key // newest first
	read time.Time
}

// Config is what an issuer needs to know of where it runs.
type Config struct {
	URL  string // of the server, without a slash at the end
	Now  func() time.Time
	Seal *seal.Sealer
}

type key struct {
	id, algorithm string
	private       crypto.Signer
	created       time.Time
}

// New returns the issuer of a server. Its keys are made when the first token is.
func New(db *store.Store, c Config) *Issuer { return &Issuer{Config: c, db: db} }

// Issue signs a token with claims, to which it adds iss, iat, exp and jti.
func (i *Issuer) Issue(ctx context.Context, algorithm string, claims map[string]any,
	life time.Duration) (token string, expires time.Time, err error) {
	k, err := i.signer(ctx, algorithm)
	if err != nil {
		return "", time.Time{}, err
	}
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(algorithm),
		Key:       jose.JSONWebKey{Key: k.private, KeyID: k.id},
	}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", time.Time{}, err
	}
	now := i.Now()
	expires = now.Add(life).Truncate(time.Second)
	all := maps.Clone(claims)
	all["iss"], all["iat"], all["exp"], all["jti"] = i.URL, now.Unix(), expires.Unix(), uuid.NewString()
	token, err = jwt.Signed(signer).Claims(all).Serialize()
	return token, expires, err
}

// signer returns the key that signs now, and makes it if need be.
func (i *Issuer) signer(ctx context.Context, algorithm string) (key, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for range 2 {
		for _, k := range i.keys {
			if k.algorithm == algorithm && i.Now().Sub(k.created) < rotateAfter {
				return k, nil
			}
		}
		if err := i.make(ctx, algorithm); err != nil {
			return key{}, err
		}
		if err := i.load(ctx); err != nil {
			return key{}, err
		}
	}
	return key{}, fmt.Errorf("there is no key for %s", algorithm)
}

// make makes a key, unless there is a good one, and forgets the ones that are published no more.
func (i *Issuer) make(ctx context.Context, algorithm string) error {
	private, err := generate(algorithm)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	id := uuid.NewString()
	sealed := i.Seal.Seal(der, "issuer key "+id)
	return i.db.Write(ctx, func(tx store.Tx) error {
		now := i.Now()
		var good int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM issuer_keys WHERE algorithm = $1 AND created > $2`, algorithm,
			now.Add(-rotateAfter).UnixMilli()).Scan(&good); err != nil || good > 0 {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM issuer_keys WHERE created < $1`,
			now.Add(-publishedFor).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO issuer_keys (id, algorithm, sealed, created) VALUES ($1, $2, $3, $4)`, id,
			algorithm, sealed, now.UnixMilli())
		return err
	})
}

func generate(algorithm string) (crypto.Signer, error) {
	switch algorithm {
	case RS256:
		return rsa.GenerateKey(rand.Reader, rsaBits)
	case ES384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	}
	return nil, fmt.Errorf("the algorithm %q is not one of %s and %s", algorithm, RS256, ES384)
}

// load reads the keys that are published.
func (i *Issuer) load(ctx context.Context) error {
	all, err := store.All(ctx, i.db, func(r *sql.Rows) (k key, err error) {
		var sealed string
		var created int64
		if err := r.Scan(&k.id, &k.algorithm, &sealed, &created); err != nil {
			return k, err
		}
		k.created = time.UnixMilli(created)
		der, err := i.Seal.Open(sealed, "issuer key "+k.id)
		if err != nil {
			return k, fmt.Errorf("issuer key %s: %w", k.id, err)
		}
		private, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return k, fmt.Errorf("issuer key %s: %w", k.id, err)
		}
		k.private, _ = private.(crypto.Signer)
		return k, nil
	}, `SELECT id, algorithm, sealed, created FROM issuer_keys WHERE created > $1 ORDER BY created DESC, id`,
		i.Now().Add(-publishedFor).UnixMilli())
	if err == nil {
		i.keys, i.read = all, i.Now()
	}
	return err
}

// published are the public halves of the keys. Another server may have made one, so that they are read again, but not
// for each who asks.
func (i *Issuer) published(ctx context.Context) (jose.JSONWebKeySet, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	if i.Now().Sub(i.read).Abs() > keptFor {
		if err := i.load(ctx); err != nil {
			return set, err
		}
	}
	for _, k := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key:       k.private.Public(),
			KeyID:     k.id,
			Algorithm: k.algorithm,
			Use:       "sig",
		})
	}
	return set, nil
}

// Serves reports whether a path is one of ServeHTTP's.
func (*Issuer) Serves(path string) bool { return path == configurationPath || path == keysPath }

// ServeHTTP serves what verifiers of tokens ask for: the configuration of OpenID Connect Discovery, and the keys. It
// needs no credentials.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Only GET is served here.", http.StatusMethodNotAllowed)
		return
	}
	var answer any
	switch {
	case strings.HasSuffix(r.URL.Path, configurationPath):
		answer = map[string]any{
			"issuer":                                i.URL,
			"jwks_uri":                              i.URL + keysPath,
			"response_types_supported":              []string{"id_token"},
			"subject_types_supported":               []string{"public"},
			"id_token_signing_alg_values_supported": []string{RS256, ES384},
			"claims_supported":                      []string{"iss", "sub", "aud", "exp", "iat", "jti"},
		}
	case strings.HasSuffix(r.URL.Path, keysPath):
		set, err := i.published(r.Context())
		if err != nil {
			http.Error(w, "The keys cannot be read now. Try again later.", http.StatusServiceUnavailable)
			return
		}
		answer = set
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_ = json.NewEncoder(w).Encode(answer) // who has gone away misses it
}
