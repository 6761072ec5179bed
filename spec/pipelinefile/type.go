package pipelinefile

import (
	"slices"

	cp "slipway/api/codepipeline"
)

// ActionType declares a kind of action: who provides it, how many artifacts it takes and makes, and how it is
// configured. Source: "Action structure reference" in the CodePipeline user guide.
type ActionType struct {
	Category cp.ActionCategory
	Owner    cp.ActionOwner
	Provider string
	Version  string
	Inputs   Range // of artifacts
	Outputs  Range
	Keys     []Key
	// BuildVariables is true where the variables of an action are those that its buildspec exports.
	BuildVariables bool
	// Check finds what the keys alone do not tell of an action's configuration; nil for nothing. It reports the
	// problem of a key's value, or of the configuration as a whole with the key "".
	Check func(a *cp.ActionDeclaration, report Report)
}

// Report takes a problem of a configuration key, or of the whole configuration ("").
type Report func(key, format string, args ...any)

// Range is how many of something an action has.
type Range struct{ Min, Max int32 }

// Key is a configuration key of an action type.
type Key struct {
	Name     string
	Required bool
	Secret   bool // its value is kept encrypted and never shown
	Boolean  bool // its value is true or false
	Doc      string
}

// ID is the action type's identifier.
func (t *ActionType) ID() *cp.ActionTypeId {
	return &cp.ActionTypeId{Category: t.Category, Owner: t.Owner, Provider: &t.Provider, Version: &t.Version}
}

// Key returns a configuration key by its name, or nil.
func (t *ActionType) Key(name string) *Key {
	if i := slices.IndexFunc(t.Keys, func(k Key) bool { return k.Name == name }); i >= 0 {
		return &t.Keys[i]
	}
	return nil
}

// is reports whether an identifier means this type, of whatever version.
func (t *ActionType) is(id *cp.ActionTypeId) bool {
	return t.Category == id.Category && t.Owner == id.Owner && t.Provider == *id.Provider
}

// Catalogue is a list of action types, at most one for each category, owner, provider and version.
type Catalogue []ActionType

// Find returns the type of an identifier, or nil if the catalogue has none. Of a type that is the account's own each
// version is a type by itself; of others a type stands for any version that the catalogue does not have.
func (c Catalogue) Find(id *cp.ActionTypeId) *ActionType {
	if id == nil || id.Provider == nil {
		return nil
	}
	var other *ActionType
	for i := range c {
		switch {
		case !c[i].is(id):
		case id.Version != nil && c[i].Version == *id.Version:
			return &c[i]
		case other == nil && id.Owner != cp.ActionOwnerCustom:
			other = &c[i]
		}
	}
	return other
}

// Of returns the types of a provider in some categories.
func (c Catalogue) Of(provider string, categories ...cp.ActionCategory) []ActionType {
	var types []ActionType
	for _, t := range c {
		if t.Provider == provider && slices.Contains(categories, t.Category) {
			types = append(types, t)
		}
	}
	return types
}
