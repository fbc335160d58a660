"""What a mail is made of: words, markup, headers, bytes. Knows no table and no provider."""
