// Package pending keeps which account a message id belongs to, from the submit_sm_resp that brought
// the id until its final receipt, or until validity plus [Grace]. A receipt names nothing but the id
// that the SMSC gave (SMPP 3.4 §5.3.2.12), so without this a receipt that comes after a restart has nowhere to go.
//
// # Words
//
// An entry is one id with its account. An alias is the id that the ESME knows where it differs. Where one
// submit became several parts, these form a group: all parts of one account with one alias. A finished
// part leaves the group's progress behind (how many are through, the worst state), until the last is through.
//
// # How it is kept
//
// The log is a row of numbered segment files of checksummed records: put, done, part. Memory holds for
// each id only a hash of it and where its last record is: 20 octets in tables without pointers, so that the garbage
// collector never looks into them. Who asks for an id compares the whole of it with the record, which is
// read from the buffer of the segment being written or from the file.
//
// Space is won back at the old end of the log only. What is still wanted of the oldest segment is written
// again at the new end, and its file removed: at once where nothing or less than a quarter is wanted, else when
// less than a quarter of the whole log is wanted. Every record for an id stands behind the records that it
// overrules, so that a done in the oldest segment overrules nothing that still exists, and no id
// comes back from the dead; removing from the middle of a log would need book-keeping for that. The price is bounded: at
// most a third is written twice, and the log is at most about four times what it must hold.
//
// # What survives what
//
// After Commit a record survives the death of the process; with [SyncAlways] the loss of power too, with
// [SyncInterval] that only after the interval. A log whose end is torn is cut there. Damage elsewhere is reported with
// file and offset, and reading goes on behind it.
package pending
