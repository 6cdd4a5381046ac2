package hash_test

import (
	"fmt"
	"log"

	"github.com/ispmail/go-ispmail/hash"
)

func ExampleVerify() {
	stored := "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd"
	fmt.Println(hash.Verify(stored, "summersun"))
	fmt.Println(hash.Verify(stored, "wintermoon"))
	fmt.Println("needs rehash:", hash.NeedsRehash(stored))
	// Output:
	// <nil>
	// hash: password does not match
	// needs rehash: true
}

func ExampleNew() {
	h, err := hash.New(hash.Config{Scheme: "BLF-CRYPT", Cost: 12})
	if err != nil {
		log.Fatal(err)
	}
	stored, err := h.Generate("a long enough secret")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(stored[:len("{BLF-CRYPT}$2y$12$")])
	// Output: {BLF-CRYPT}$2y$12$
}

func ExampleInspect() {
	for _, stored := range []string{
		"{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd",
		"{CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7",
	} {
		info, err := hash.Inspect(stored)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s, weak: %t, Dovecot 2.4: %s\n", info.Scheme, info.Weak, info.Dovecot24)
	}
	// Output:
	// PLAIN-MD5, weak: true, Dovecot 2.4: refused as weak
	// SHA256-CRYPT, weak: false, Dovecot 2.4: accepted
}
