package notify

import (
	"encoding/json"
	"testing"
)

// TestFilter has the operators of the guide "Filter policy constraints and operators".
func TestFilter(t *testing.T) {
	for _, x := range []struct {
		policy, message string
		want            bool
	}{
		{`{"a":["x","y"]}`, `{"a":"y"}`, true},
		{`{"a":["x"]}`, `{"a":"X"}`, false},
		{`{"a":["x"]}`, `{"b":"x"}`, false},
		{`{"a":["x"]}`, `{"a":["q","x"]}`, true},
		{`{"a":["x"],"b":[1]}`, `{"a":"x","b":2}`, false},
		{`{"a":[{"prefix":"x"}]}`, `{"a":"xy"}`, true},
		{`{"a":[{"suffix":".zip"}]}`, `{"a":"a.zip"}`, true},
		{`{"a":[{"equals-ignore-case":"ab"}]}`, `{"a":"AB"}`, true},
		{`{"a":[{"wildcard":"*x*y"}]}`, `{"a":"1x2y"}`, true},
		{`{"a":[{"wildcard":"*x*y"}]}`, `{"a":"1y2x"}`, false},
		{`{"a":[{"wildcard":"aa*aa"}]}`, `{"a":"aaa"}`, false},
		{`{"a":[{"anything-but":["x","y"]}]}`, `{"a":"z"}`, true},
		{`{"a":[{"anything-but":"x"}]}`, `{"a":"x"}`, false},
		{`{"a":[{"anything-but":"x"}]}`, `{}`, false},
		{`{"a":[{"anything-but":{"prefix":"x"}}]}`, `{"a":"xy"}`, false},
		{`{"a":[{"exists":true}]}`, `{"a":null}`, true},
		{`{"a":[{"exists":false}]}`, `{}`, true},
		{`{"a":[{"exists":false}]}`, `{"a":1}`, false},
		{`{"a":[{"numeric":["=",1.0]}]}`, `{"a":1}`, true},
		{`{"a":[{"numeric":[">",0,"<=",10]}]}`, `{"a":10}`, true},
		{`{"a":[{"numeric":[">",0,"<=",10]}]}`, `{"a":0}`, false},
		{`{"a":[{"numeric":[">",0]}]}`, `{"a":"1"}`, false},
		{`{"a":[{"cidr":"10.0.0.0/24"}]}`, `{"a":"10.0.0.255"}`, true},
		{`{"a":[{"cidr":"10.0.0.0/24"}]}`, `{"a":"10.0.1.0"}`, false},
		{`{"a":[true,null]}`, `{"a":true}`, true},
		{`{"a":{"b":["x"]}}`, `{"a":{"b":"x"}}`, true},
		{`{"a":{"b":["x"]}}`, `{"a":[{"b":"y"},{"b":"x"}]}`, true},
		{`{"a":{"b":["x"]}}`, `{"a":"x"}`, false},
		{`{"$or":[{"a":[1]},{"b":[2]}]}`, `{"b":2}`, true},
		{`{"$or":[{"a":[1]},{"b":[2]}]}`, `{"b":1}`, false},
		{`{"c":["x"],"$or":[{"a":[1]},{"b":[2]}]}`, `{"b":2}`, false},
	} {
		f, err := parseFilter(x.policy)
		if err != nil {
			t.Errorf("%s: %v", x.policy, err)
			continue
		}
		var of map[string]any
		if err := json.Unmarshal([]byte(x.message), &of); err != nil {
			t.Fatal(err)
		}
		if got := f.match(of); got != x.want {
			t.Errorf("%s of %s: %t", x.policy, x.message, got)
		}
	}
	for _, policy := range []string{`[]`, `{"a":"x"}`, `{"a":[{"like":"x"}]}`, `{"a":[{"numeric":["<>",1]}]}`,
		`{"$or":[{"a":[1]}]}`, `{"a":[{"prefix":1}]}`} {
		if _, err := parseFilter(policy); err == nil {
			t.Errorf("%s is taken", policy)
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(`{"a":[{"wildcard":"*a*"}]}`, `{"a":"b"}`)
	f.Add(`{"$or":[{"a":{"b":[{"anything-but":[1]}]}},{"c":[null]}]}`, `{"a":[{"b":2}]}`)
	f.Fuzz(func(t *testing.T, policy, message string) {
		p, err := parseFilter(policy)
		var of map[string]any
		if err != nil || json.Unmarshal([]byte(message), &of) != nil {
			return
		}
		p.match(of)
	})
}
