package identity

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"slipway/internal/identity/policy"
)

// model has all documents in memory. They are replaced one by one, as they change.
type model struct {
	mu       sync.RWMutex
	revision int64 // all changes up to it are in
	shelves  map[kind]*shelf
	keys     map[string]string  // the user of an access key
	logins   map[string]string  // the user of a service-specific credential, by its user name
	sources  map[string]*origin // of users and roles by ID, as far as they were asked for since the last change
}

// shelf has the documents of a kind.
type shelf struct {
	byID   map[string]record
	byKey  map[string]string // IDs
	sorted []document        // by key; nil after a change
}

// record is a document with the revision that it is of.
type record struct {
	document
	revision int64
}

// change is a document that was written, or deleted.
type change struct {
	kind     kind
	id       string
	document document // nil if it is deleted
	revision int64
}

func newModel() *model {
	return &model{
		shelves: map[kind]*shelf{},
		keys:    map[string]string{},
		logins:  map[string]string{},
		sources: map[string]*origin{},
	}
}

// apply takes changes up to a revision. It does nothing, and reports false, if the revision before the first of them is
// not the model's: others are missing then.
func (m *model) apply(before, revision int64, changes []change) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revision >= revision {
		return true
	}
	if m.revision != before {
		return false
	}
	for _, c := range changes {
		m.replace(c)
	}
	m.revision = revision
	clear(m.sources)
	return true
}

// advance takes changes that were read from the database, which are all since some revision.
func (m *model) advance(changes []change) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		if c.revision > m.revision {
			m.replace(c)
		}
	}
	for _, c := range changes {
		m.revision = max(m.revision, c.revision)
	}
	clear(m.sources)
}

func (m *model) replace(c change) {
	s := m.shelves[c.kind]
	if s == nil {
		s = &shelf{byID: map[string]record{}, byKey: map[string]string{}}
		m.shelves[c.kind] = s
	}
	s.sorted = nil
	if before, ok := s.byID[c.id]; ok {
		delete(s.byID, c.id)
		if s.byKey[before.key()] == c.id {
			delete(s.byKey, before.key())
		}
		m.index(before.document, false)
	}
	if c.document == nil {
		return
	}
	s.byID[c.id] = record{c.document, c.revision}
	s.byKey[c.document.key()] = c.id
	m.index(c.document, true)
}

// index keeps the credentials of a user.
func (m *model) index(d document, there bool) {
	u, ok := d.(*user)
	if !ok {
		return
	}
	for _, k := range u.Keys {
		put(m.keys, k.ID, u.ID, there)
	}
	for _, c := range u.Credentials {
		put(m.logins, c.Username, u.ID, there)
	}
}

func put(index map[string]string, key, id string, there bool) {
	if there {
		index[key] = id
	} else if index[key] == id {
		delete(index, key)
	}
}

// get returns a document by its ID, or nil.
func (m *model) get(k kind, id string) document {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if s := m.shelves[k]; s != nil {
		if r, ok := s.byID[id]; ok {
			return r.document
		}
	}
	return nil
}

// find returns a document by its key, or nil.
func (m *model) find(k kind, key string) document {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if s := m.shelves[k]; s != nil {
		if id, ok := s.byKey[key]; ok {
			return s.byID[id].document
		}
	}
	return nil
}

// all returns the documents of a kind by their keys. The list is shared and must not be changed.
func (m *model) all(k kind) []document {
	m.mu.RLock()
	s := m.shelves[k]
	if s == nil || s.sorted != nil {
		defer m.mu.RUnlock()
		if s == nil {
			return nil
		}
		return s.sorted
	}
	m.mu.RUnlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.sorted == nil {
		s.sorted = make([]document, 0, len(s.byID))
		for _, r := range s.byID {
			s.sorted = append(s.sorted, r.document)
		}
		sortDocuments(s.sorted)
	}
	return s.sorted
}

func sortDocuments(all []document) {
	slices.SortFunc(all, func(a, b document) int { return strings.Compare(a.key(), b.key()) })
}

// holder returns the ID of the user of an access key.
func (m *model) holder(key string) (id string, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	id, ok = m.keys[key]
	return id, ok
}

// loginHolder returns the ID of the user of a service-specific credential.
func (m *model) loginHolder(username string) (id string, ok bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	id, ok = m.logins[username]
	return id, ok
}

// ref names a document.
type ref struct {
	kind kind
	id   string
}

// view is the model with changes that are not committed yet. Without changes it reads the model alone.
type view struct {
	s       *Service
	m       *model
	overlay map[ref]document // nil for a deleted one
	own     []ref            // of overlay: the changes of this view itself
}

// view reads what is committed.
func (s *Service) view() *view { return &view{s: s, m: s.model} }

func (v *view) get(k kind, id string) document {
	if d, ok := v.overlay[ref{k, id}]; ok {
		return d
	}
	return v.m.get(k, id)
}

func (v *view) find(k kind, key string) document {
	for r, d := range v.overlay {
		if r.kind == k && d != nil && d.key() == key {
			return d
		}
	}
	d := v.m.find(k, key)
	if d == nil {
		return nil
	}
	if _, changed := v.overlay[ref{k, d.id()}]; changed {
		return nil
	}
	return d
}

func (v *view) all(k kind) []document {
	base := v.m.all(k)
	changed := false
	for r := range v.overlay {
		changed = changed || r.kind == k
	}
	if !changed {
		return base
	}
	all := make([]document, 0, len(base)+len(v.overlay))
	for _, d := range base {
		if _, ok := v.overlay[ref{k, d.id()}]; !ok {
			all = append(all, d)
		}
	}
	for r, d := range v.overlay {
		if r.kind == k && d != nil {
			all = append(all, d)
		}
	}
	sortDocuments(all)
	return all
}

// put writes a document, which must be a new one or one from edit.
func (v *view) put(d document) { v.set(ref{d.kind(), d.id()}, d) }

// drop deletes a document.
func (v *view) drop(d document) { v.set(ref{d.kind(), d.id()}, nil) }

func (v *view) set(r ref, d document) {
	if v.overlay == nil {
		v.overlay = map[ref]document{}
	}
	v.overlay[r] = d
	if !slices.Contains(v.own, r) {
		v.own = append(v.own, r)
	}
}

// each returns the documents of a type, by their keys.
func each[T document](v *view, k kind) []T {
	all := v.all(k)
	typed := make([]T, 0, len(all))
	for _, d := range all {
		if t, ok := d.(T); ok {
			typed = append(typed, t)
		}
	}
	return typed
}

// edit returns a copy of a document that may be changed, and then put.
func edit[T any](d *T) *T {
	c := new(T)
	text, err := json.Marshal(d)
	if err == nil {
		err = json.Unmarshal(text, c)
	}
	if err != nil { // documents are made of texts, numbers and lists
		*c = *d
	}
	return c
}

// settings returns the account's.
func (v *view) settings() *account {
	if a, ok := v.get(accountKind, "account").(*account); ok {
		return a
	}
	return &account{}
}

// compiler keeps policies that were read, by their text, so that each is read once.
type compiler struct {
	mu    sync.Mutex
	kinds map[policy.Kind]map[string]*policy.Policy
}

// compiledKept bounds how many policies of a kind are kept read.
const compiledKept = 20_000

// read returns a policy, or nil for a text that is none, which allows nothing.
func (c *compiler) read(k policy.Kind, text string) *policy.Policy {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.kinds[k][text]; ok {
		return p
	}
	p, err := policy.Parse(k, text)
	if err != nil {
		p = nil
	}
	if c.kinds == nil {
		c.kinds = map[policy.Kind]map[string]*policy.Policy{}
	}
	if c.kinds[k] == nil || len(c.kinds[k]) >= compiledKept {
		c.kinds[k] = map[string]*policy.Policy{}
	}
	c.kinds[k][text] = p
	return p
}
