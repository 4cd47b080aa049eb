module gorewind.test/signals

go 1.22
