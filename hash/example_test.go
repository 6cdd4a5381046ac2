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

func ExampleLock() {
	stored := "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd"
	locked := hash.Lock(stored)
	fmt.Println(locked)
	fmt.Println(hash.Verify(locked, "summersun"))
	unlocked, err := hash.Unlock(locked)
	fmt.Println(unlocked == stored, err)
	// Output:
	// {CRYPT}!{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd
	// hash: password does not match
	// true <nil>
}

func ExampleSchemes() {
	for _, s := range hash.Schemes() {
		if s.Generated {
			fmt.Printf("%-13s %-11s up to %d characters\n", s.Name, s.Strength, s.Length.Max)
		}
	}
	// Output:
	// SHA256-CRYPT  iterated    up to 91 characters
	// SHA512-CRYPT  iterated    up to 134 characters
	// BLF-CRYPT     bcrypt      up to 71 characters
	// ARGON2ID      memory-hard up to 108 characters
	// SCRAM-SHA-256 iterated    up to 137 characters
	// PBKDF2        iterated    up to 76 characters
}

// All users come to ARGON2ID in time, and never need more than 128 MiB together.
func ExampleConfig_upgrade() {
	h, err := hash.New(hash.Config{Scheme: "ARGON2ID", Upgrade: true, MaxMemory: 128 << 10})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(h.NeedsRehash("{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7"))
	fmt.Println(h.NeedsRehash("{BLF-CRYPT}$2y$05$.WedBCNZiwxY1CG3aleIleu6lYjup2CIg0BP4M4YCZsO204Czz07W"))
	fmt.Println(h.NeedsRehash("{BLF-CRYPT}$2y$12$.WedBCNZiwxY1CG3aleIleu6lYjup2CIg0BP4M4YCZsO204Czz07W")) // stronger
	// Output:
	// true
	// true
	// false
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
