module gorewind/handoffs

go 1.22
