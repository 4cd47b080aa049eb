package main

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"time"
)

// slowDB is a database whose every query takes 60 ms, with one connection: who comes second waits in database/sql.
func slowDB() *sql.DB {
	sql.Register("slow", slowDriver{})
	db, err := sql.Open("slow", "")
	must(err)
	db.SetMaxOpenConns(1)
	return db
}

type slowDriver struct{}

func (slowDriver) Open(string) (driver.Conn, error) { return slowConn{}, nil }

type slowConn struct{}

func (slowConn) Prepare(string) (driver.Stmt, error) { return slowStmt{}, nil }
func (slowConn) Close() error                        { return nil }
func (slowConn) Begin() (driver.Tx, error)           { return nil, errors.New("no transactions") }

type slowStmt struct{}

func (slowStmt) Close() error                               { return nil }
func (slowStmt) NumInput() int                              { return 0 }
func (slowStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errors.New("no writes") }
func (slowStmt) Query([]driver.Value) (driver.Rows, error) {
	time.Sleep(60 * time.Millisecond)
	return &oneRow{}, nil
}

type oneRow struct{ read bool }

func (*oneRow) Columns() []string { return []string{"n"} }
func (*oneRow) Close() error      { return nil }
func (r *oneRow) Next(into []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read = true
	into[0] = int64(1)
	return nil
}
