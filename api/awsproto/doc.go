// Package awsproto is the wire protocol that the packages under api/ share: AWS JSON 1.1, Query and CBOR, their errors,
// validation in AWS's words, Signature Version 4, page tokens, and the decorator around every operation. It has no
// knowledge of services, which the generated packages add.
package awsproto
