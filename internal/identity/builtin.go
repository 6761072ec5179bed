package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"sync"

	"slipway/internal/identity/managed"
)

// builtins are the policies that every account has, by ARN.
var builtins = sync.OnceValue(func() map[string]*managedPolicy {
	all := map[string]*managedPolicy{}
	for _, p := range managed.All() {
		sum := sha256.Sum256([]byte(p.ARN))
		id := "ANPA" + base32.StdEncoding.EncodeToString(sum[:10])
		created := p.Created.UnixMilli()
		all[p.ARN] = &managedPolicy{
			head:        head{ID: id, Name: p.Name, Path: p.Path, Created: created},
			ARN:         p.ARN,
			Description: p.Description,
			Default:     p.DefaultVersion,
			Versions:    []version{{p.DefaultVersion, p.Document, created}},
			Updated:     created,
		}
	}
	return all
})
