module gorewind/handoffs

// Also built with Go 1.21, the last that writes the v1 format.
go 1.21
