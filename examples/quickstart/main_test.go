package main

func Example() {
	main()
	// Output:
	// john@example.org with the old password: ispmail: wrong address or password
	// john@example.org with the new password: <nil>
	// jack@example.org -> john@example.org
}
