// Programs that check the rules, at versions and with contents that go.sum pins; see ../install-go-tools.sh.
module headgate.invalid/go-tools

go 1.22.0

require github.com/cloudflare/pint v0.60.0
