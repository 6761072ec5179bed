package sigv4

import (
	"crypto/hmac"
	"encoding/hex"
	"time"
)

// gitTime is the format of the time in a Git password: UTC, without the Z.
const gitTime = "20060102T150405"

// GitPassword makes the user name and password for a repository of CodeCommit, as `aws codecommit credential-helper`
// does. The password is a signature that is valid for 15 minutes. path is the repository's path: /v1/repos/NAME.
func (c Credentials) GitPassword(host, path, region string, now time.Time) (username, password string) {
	stamp := now.UTC().Format(gitTime)
	username = c.AccessKeyID
	if c.SessionToken != "" {
		username += "%" + c.SessionToken
	}
	return username, stamp + "Z" + gitSignature(c.SecretAccessKey, stamp, host, path, region)
}

// gitSignature signs the literal method GIT, with an empty query and no payload's hash.
func gitSignature(secret, stamp, host, path, region string) string {
	canonical := "GIT\n" + path + "\n\nhost:" + host + "\n\nhost\n"
	date := stamp[:8]
	toSign := algorithm + "\n" + stamp + "\n" + date + "/" + region + "/codecommit/aws4_request\n" +
		HexSHA256([]byte(canonical))
	return sign(signingKey(secret, date, region, "codecommit"), toSign)
}

// VerifyGitPassword reports whether a password was made by GitPassword or by a client of CodeCommit, at most Skew ago.
func VerifyGitPassword(secret, stamp, signature, host, path, region string, now time.Time) bool {
	when, err := time.Parse(gitTime, stamp)
	if err != nil || now.Sub(when).Abs() > Skew {
		return false
	}
	want, err1 := hex.DecodeString(gitSignature(secret, stamp, host, path, region))
	got, err2 := hex.DecodeString(signature)
	return err1 == nil && err2 == nil && hmac.Equal(want, got)
}
