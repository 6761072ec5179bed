package runner

import (
	"reflect"
	"testing"
)

// What an identity can besides giving credentials is asked for by its methods, which a wrapper must pass on.
func TestMaskingPassesOnWhatAnIdentityCan(t *testing.T) {
	of, wrapper := reflect.TypeFor[*roleIdentity](), reflect.TypeFor[masking]()
	for i := range of.NumMethod() {
		m := of.Method(i)
		if _, ok := wrapper.MethodByName(m.Name); !ok {
			t.Errorf("masking hides %s of an identity", m.Name)
		}
	}
}
