module tlspprof

go 1.22
