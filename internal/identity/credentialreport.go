package identity

import (
	"bytes"
	"context"
	"encoding/csv"
	"strconv"
	"time"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

// GenerateCredentialReport implements iam:GenerateCredentialReport. GetCredentialReport makes the report, which is of
// then.
func (*Service) GenerateCredentialReport(context.Context,
	*iam.GenerateCredentialReportInput) (*iam.GenerateCredentialReportOutput, error) {
	return &iam.GenerateCredentialReportOutput{State: iam.ReportStateTypeComplete}, nil
}

// credentialColumns are those of a credential report.
var credentialColumns = []string{"user", "arn", "user_creation_time", "password_enabled", "password_last_used",
	"password_last_changed", "password_next_rotation", "mfa_active", "access_key_1_active", "access_key_1_last_rotated",
	"access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region",
	"access_key_2_last_used_service", "cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"}

// GetCredentialReport implements iam:GetCredentialReport.
func (s *Service) GetCredentialReport(ctx context.Context,
	_ *iam.GetCredentialReportInput) (*iam.GetCredentialReportOutput, error) {
	v := s.view()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(credentialColumns) // into memory
	for _, u := range each[*user](v, userKind) {
		row, err := s.credentialRow(ctx, v, u)
		if err != nil {
			return nil, err
		}
		_ = w.Write(row)
	}
	w.Flush()
	return &iam.GetCredentialReportOutput{
		Content:       b.Bytes(),
		ReportFormat:  iam.ReportFormatTypeTextCsv,
		GeneratedTime: awsproto.At(s.Now()),
	}, nil
}

func (s *Service) credentialRow(ctx context.Context, v *view, u *user) ([]string, error) {
	const none = "N/A"
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	row := []string{u.Name, s.arnOf(u), stamp(timeMS(u.Created).time()), strconv.FormatBool(u.Login != nil)}
	if u.Login == nil {
		row = append(row, none, none, none)
	} else {
		used, err := s.lastUses(ctx, u.ID)
		if err != nil {
			return nil, err
		}
		last, next := "no_information", none
		if x, ok := used[signinUse]; ok {
			last = stamp(x.at)
		}
		changed := timeMS(u.Login.Changed).time()
		if p := v.settings().Passwords; p != nil && p.MaxAge > 0 {
			next = stamp(changed.AddDate(0, 0, int(p.MaxAge)))
		}
		row = append(row, last, stamp(changed), next)
	}
	row = append(row, strconv.FormatBool(len(v.devicesOf(u)) > 0))
	for i := range keysPerUser {
		if i >= len(u.Keys) {
			row = append(row, "false", none, none, none, none)
			continue
		}
		k := u.Keys[i]
		row = append(row, strconv.FormatBool(!k.Inactive), stamp(timeMS(k.Created).time()))
		used, err := s.lastUses(ctx, k.ID)
		if err != nil {
			return nil, err
		}
		if service, x, ok := latest(used); ok {
			row = append(row, stamp(x.at), x.region, service)
		} else {
			row = append(row, none, none, none)
		}
	}
	return append(row, "false", none, "false", none), nil
}
