package parameter

import (
	"context"
	"database/sql"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"slipway/api/ssm"
	"slipway/internal/store"
)

// maxLabels is how many labels a version has at most.
const maxLabels = 10

// labels are the labels of a parameter by version.
func (s *Service) labels(ctx context.Context, q store.Queryer, name string) (map[int64][]string, error) {
	type row struct {
		label   string
		version int64
	}
	all, err := store.All(ctx, q, func(r *sql.Rows) (l row, err error) { return l, r.Scan(&l.label, &l.version) },
		`SELECT label, version FROM ssm_labels WHERE parameter = $1 ORDER BY label`, name)
	of := map[int64][]string{}
	for _, l := range all {
		of[l.version] = append(of[l.version], l.label)
	}
	return of, err
}

var labelForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_.\-][A-Za-z0-9_.\-]*$`) })

func validLabel(label string) bool {
	lower := strings.ToLower(label)
	return len(label) <= 100 && labelForm().MatchString(label) && !strings.HasPrefix(lower, "aws") &&
		!strings.HasPrefix(lower, "ssm")
}

// versionOf is the version that a request means: the newest one if it names none.
func (s *Service) versionOf(ctx context.Context, q store.Queryer, given, name string, number *int64) (int64, error) {
	v, err := newest(ctx, q, name)
	if err == nil && v == nil {
		err = notFound(given)
	}
	if err != nil {
		return 0, err
	}
	if number == nil {
		return *v.Version, nil
	}
	ok, err := store.Find(ctx, q, []any{new(int64)}, `SELECT version FROM ssm_versions WHERE parameter = $1 AND
		version = $2`, name, *number)
	if err == nil && !ok {
		err = &ssm.ParameterVersionNotFound{Message: "Systems Manager could not find version " +
			strconv.FormatInt(*number, 10) + " of " + name + ". Verify the version and try again."}
	}
	return *number, err
}

// LabelParameterVersion implements ssm:LabelParameterVersion. A label that another version has moves.
func (s *Service) LabelParameterVersion(ctx context.Context,
	in *ssm.LabelParameterVersionInput) (*ssm.LabelParameterVersionOutput, error) {
	name, err := s.NameOf(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	var bad, good []string
	for _, label := range in.Labels {
		if validLabel(label) {
			good = append(good, label)
		} else {
			bad = append(bad, label)
		}
	}
	var number int64
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if number, err = s.versionOf(ctx, tx, *in.Name, name, in.ParameterVersion); err != nil {
			return err
		}
		for _, label := range good {
			if _, err := tx.Exec(ctx, `INSERT INTO ssm_labels (parameter, label, version) VALUES ($1, $2, $3)
				ON CONFLICT (parameter, label) DO UPDATE SET version = excluded.version`, name, label, number); err != nil {
				return err
			}
		}
		all, err := s.labels(ctx, tx, name)
		if err == nil && len(all[number]) > maxLabels {
			err = &ssm.ParameterVersionLabelLimitExceeded{
				Message: "A parameter version can have a maximum of ten labels."}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &ssm.LabelParameterVersionOutput{InvalidLabels: append([]string{}, bad...), ParameterVersion: &number}, nil
}

// UnlabelParameterVersion implements ssm:UnlabelParameterVersion.
func (s *Service) UnlabelParameterVersion(ctx context.Context,
	in *ssm.UnlabelParameterVersionInput) (*ssm.UnlabelParameterVersionOutput, error) {
	name, err := s.NameOf(ctx, *in.Name)
	if err != nil {
		return nil, err
	}
	var removed, not []string
	err = s.db.Write(ctx, func(tx store.Tx) error {
		removed, not = []string{}, []string{}
		number, err := s.versionOf(ctx, tx, *in.Name, name, in.ParameterVersion)
		if err != nil {
			return err
		}
		all, err := s.labels(ctx, tx, name)
		if err != nil {
			return err
		}
		for _, label := range in.Labels {
			if !slices.Contains(all[number], label) {
				not = append(not, label)
				continue
			}
			removed = append(removed, label)
			if _, err := tx.Exec(ctx, `DELETE FROM ssm_labels WHERE parameter = $1 AND label = $2`, name,
				label); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ssm.UnlabelParameterVersionOutput{RemovedLabels: removed, InvalidLabels: not}, nil
}
