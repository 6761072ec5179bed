package identity

import (
	"testing"

	"slipway/api/awsproto"
	"slipway/api/iam"
)

func TestAccessKeys(t *testing.T) {
	t.Parallel()
	h := open(t)
	made, err := h.CreateAccessKey(h.caller(), &iam.CreateAccessKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	k := made.AccessKey
	opens := func() bool {
		t.Helper()
		secret, ok, err := h.Lookup(t.Context(), *k.AccessKeyId, "")
		if err != nil || ok && secret.Key != *k.SecretAccessKey {
			t.Errorf("%+v, %v", secret, err)
		}
		_, again, _ := h.again().Lookup(t.Context(), *k.AccessKeyId, "")
		if again != ok {
			t.Errorf("it opens: %v, after a restart: %v", ok, again)
		}
		return ok
	}
	if *k.UserName != "alice" || !opens() {
		t.Fatalf("%+v", k)
	}
	if _, err := h.CreateAccessKey(h.caller(), &iam.CreateAccessKeyInput{}); awsproto.Code(err) != "LimitExceeded" &&
		awsproto.Code(err) != "LimitExceededException" {
		t.Errorf("a third key: %v", err)
	}
	for _, status := range []iam.StatusType{iam.StatusTypeInactive, iam.StatusTypeActive} {
		if _, err := h.UpdateAccessKey(h.caller(),
			&iam.UpdateAccessKeyInput{AccessKeyId: k.AccessKeyId, Status: status}); err != nil {
			t.Fatal(err)
		}
		list, err := h.ListAccessKeys(h.caller(), &iam.ListAccessKeysInput{})
		if err != nil || len(list.AccessKeyMetadata) != 2 ||
			list.AccessKeyMetadata[1].Status != status && list.AccessKeyMetadata[0].Status != status {
			t.Fatalf("%+v, %v", list, err)
		}
		if opens() != (status == iam.StatusTypeActive) {
			t.Errorf("a key that is %s", status)
		}
	}
	if err := h.EnsureUser(t.Context(), "mallory", Administrator); err != nil {
		t.Fatal(err)
	}
	if _, err := h.DeleteAccessKey(h.caller(),
		&iam.DeleteAccessKeyInput{AccessKeyId: k.AccessKeyId,
			UserName: new("mallory")}); awsproto.Code(err) != "NoSuchEntity" &&
		awsproto.Code(err) != "NoSuchEntityException" {
		t.Errorf("a key of somebody else: %v", err)
	}
	if _, err := h.DeleteAccessKey(h.caller(), &iam.DeleteAccessKeyInput{AccessKeyId: k.AccessKeyId}); err != nil {
		t.Fatal(err)
	}
	if opens() {
		t.Error("a deleted key opens")
	}
}
