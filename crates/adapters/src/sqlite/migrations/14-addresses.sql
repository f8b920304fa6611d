-- Email addresses are filed under one text, whatever way they are typed. Where another user has that text already, both keep
-- what they have; what is damaged stays so. `email_address` is a function of the program.
UPDATE OR IGNORE identities
SET subject = email_address(subject), checksum = row_checksum(user, id, network, email_address(subject), linked_at)
WHERE network = '' AND email_address(subject) <> subject
  AND checksum = row_checksum(user, id, network, subject, linked_at);
