package smpp

import "encoding/binary"

// Tag names an optional parameter (SMPP 3.4 §5.3.2; 5.0 §4.8.4 for the later ones).
type Tag uint16

const (
	TagDestAddrSubunit          Tag = 0x0005
	TagDestNetworkType          Tag = 0x0006
	TagDestBearerType           Tag = 0x0007
	TagDestTelematicsID         Tag = 0x0008
	TagSourceAddrSubunit        Tag = 0x000D
	TagSourceNetworkType        Tag = 0x000E
	TagSourceBearerType         Tag = 0x000F
	TagSourceTelematicsID       Tag = 0x0010
	TagQosTimeToLive            Tag = 0x0017
	TagPayloadType              Tag = 0x0019
	TagAdditionalStatusInfoText Tag = 0x001D
	TagReceiptedMessageID       Tag = 0x001E
	TagMsMsgWaitFacilities      Tag = 0x0030
	TagPrivacyIndicator         Tag = 0x0201
	TagSourceSubaddress         Tag = 0x0202
	TagDestSubaddress           Tag = 0x0203
	TagUserMessageReference     Tag = 0x0204
	TagUserResponseCode         Tag = 0x0205
	TagSourcePort               Tag = 0x020A
	TagDestinationPort          Tag = 0x020B
	TagSarMsgRefNum             Tag = 0x020C
	TagLanguageIndicator        Tag = 0x020D
	TagSarTotalSegments         Tag = 0x020E
	TagSarSegmentSeqnum         Tag = 0x020F
	TagScInterfaceVersion       Tag = 0x0210
	TagCallbackNumPresInd       Tag = 0x0302
	TagCallbackNumAtag          Tag = 0x0303
	TagNumberOfMessages         Tag = 0x0304
	TagCallbackNum              Tag = 0x0381
	TagDpfResult                Tag = 0x0420
	TagSetDpf                   Tag = 0x0421
	TagMsAvailabilityStatus     Tag = 0x0422
	TagNetworkErrorCode         Tag = 0x0423
	TagMessagePayload           Tag = 0x0424
	TagDeliveryFailureReason    Tag = 0x0425
	TagMoreMessagesToSend       Tag = 0x0426
	TagMessageState             Tag = 0x0427
	TagCongestionState          Tag = 0x0428 // 5.0
	TagUssdServiceOp            Tag = 0x0501
	TagBillingIdentification    Tag = 0x060B // 5.0
	TagSourceNetworkID          Tag = 0x060D // 5.0
	TagDestNetworkID            Tag = 0x060E // 5.0
	TagSourceNodeID             Tag = 0x060F // 5.0
	TagDestNodeID               Tag = 0x0610 // 5.0
	TagDisplayTime              Tag = 0x1201
	TagSmsSignal                Tag = 0x1203
	TagMsValidity               Tag = 0x1204
	TagAlertOnMessageDelivery   Tag = 0x130C
	TagItsReplyType             Tag = 0x1380
	TagItsSessionInfo           Tag = 0x1383
)

// TLVs are the optional parameters of a PDU as they stand in it, known or not (SMPP 3.4 §3.2.4.1: tag
// and length of two octets each, then the value). Passing them on unread passes them on untouched.
type TLVs []byte

// Next gives the first parameter and the ones behind it; ok is false at the end or where the rest is no
// whole parameter.
func (t TLVs) Next() (tag Tag, value []byte, rest TLVs, ok bool) {
	if len(t) < 4 {
		return 0, nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(t[2:]))
	if len(t) < 4+n {
		return 0, nil, nil, false
	}
	return Tag(binary.BigEndian.Uint16(t)), t[4 : 4+n : 4+n], t[4+n:], true
}

// Get finds the first parameter of a tag.
func (t TLVs) Get(want Tag) ([]byte, bool) {
	for len(t) > 0 {
		tag, v, rest, ok := t.Next()
		if !ok {
			return nil, false
		}
		if tag == want {
			return v, true
		}
		t = rest
	}
	return nil, false
}

// Uint finds the first parameter of a tag and reads it as a big-endian number of one, two or four octets.
func (t TLVs) Uint(want Tag) (uint32, bool) {
	v, ok := t.Get(want)
	if !ok {
		return 0, false
	}
	switch len(v) {
	case 1:
		return uint32(v[0]), true
	case 2:
		return uint32(binary.BigEndian.Uint16(v)), true
	case 4:
		return binary.BigEndian.Uint32(v), true
	}
	return 0, false
}

func (t TLVs) valid() bool {
	for len(t) > 0 {
		_, _, rest, ok := t.Next()
		if !ok {
			return false
		}
		t = rest
	}
	return true
}

// AppendTLV appends one parameter. value is at most 65,535 octets; what is more is cut off, since a length
// that lies would make parameters of the rest.
func AppendTLV(dst []byte, tag Tag, value []byte) []byte {
	value = value[:min(len(value), 0xFFFF)]
	dst = binary.BigEndian.AppendUint16(dst, uint16(tag))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(value)))
	return append(dst, value...)
}

// AppendWithout appends the parameters but those of the tags named.
func (t TLVs) AppendWithout(dst []byte, tags ...Tag) []byte {
next:
	for {
		tag, v, rest, ok := t.Next()
		if !ok {
			return dst
		}
		t = rest
		for _, not := range tags {
			if tag == not {
				continue next
			}
		}
		dst = AppendTLV(dst, tag, v)
	}
}
