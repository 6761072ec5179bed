package actions

import (
	"strings"
	"testing"

	"slipway/internal/actions/expression"
)

// Combinations are those of GitHub's builder of matrices.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, matrix, want string }{
		{"the last vector fastest", `{"a":[1,2],"b":["x","y"]}`, `a=1,b=x a=1,b=y a=2,b=x a=2,b=y`},
		{"exclude matches in part", `{"a":[1,2],"b":["x","y"],"exclude":[{"a":1}]}`, `a=2,b=x a=2,b=y`},
		{"exclude ignores case", `{"a":["X","y"],"exclude":[{"a":"x"}]}`, `a=y`},
		{"include adds to what it fits", `{"a":[1,2],"include":[{"a":1,"c":"z"},{"d":"all"},{"a":3}]}`,
			`a=1,c=z,d=all a=2,d=all a=3`},
		{"include overwrites what was added", `{"a":[1,2],"include":[{"c":"one"},{"a":2,"c":"two"}]}`, `a=1,c=one a=2,c=two`},
		{"include never overwrites a vector", `{"fruit":["apple","pear"],"animal":["cat","dog"],"include":[{"color":"green"},
			{"color":"pink","animal":"cat"},{"fruit":"apple","shape":"circle"},{"fruit":"banana"},{"fruit":"banana","animal":"cat"}]}`,
			`fruit=apple,animal=cat,color=pink,shape=circle fruit=apple,animal=dog,color=green,shape=circle ` +
				`fruit=pear,animal=cat,color=pink fruit=pear,animal=dog,color=green fruit=banana fruit=banana,animal=cat`},
		{"include alone", `{"include":[{"a":1},{"a":2}]}`, `a=1 a=2`},
		{"excluded, and included again", `{"a":[1,2],"exclude":[{"a":1}],"include":[{"a":1,"b":2}]}`, `a=2 a=1,b=2`},
		{"a mapping in part", `{"a":[{"x":1,"y":2},{"x":2}],"exclude":[{"a":{"x":1}}]}`, `a=Object`},
	} {
		v, err := expression.FromJSON(c.matrix)
		if err != nil {
			t.Fatal(err)
		}
		all, err := cells(v.(*expression.Object))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var shown []string
		for _, cell := range all {
			var parts []string
			for _, k := range cell.values.Keys() {
				v, _ := cell.values.Get(k)
				parts = append(parts, k+"="+expression.Text(v))
			}
			shown = append(shown, strings.Join(parts, ","))
		}
		if got := strings.Join(shown, " "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
	for matrix, want := range map[string]string{
		`{"a":[1],"exclude":[{"b":1}]}`: "which the matrix has not", `{"a":1}`: "must be a list", `{"a":[]}`: "with values",
		`{"a":[1],"exclude":[{"a":1}]}`: "makes no job", `{"include":[1]}`: "must be a mapping",
		`{"a":[` + strings.Repeat("0,", 256) + `0]}`: "it may make 256",
	} {
		v, _ := expression.FromJSON(matrix)
		if _, err := cells(v.(*expression.Object)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, want %s", matrix, err, want)
		}
	}
}
