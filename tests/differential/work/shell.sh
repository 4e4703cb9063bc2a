# What shell scripts do all day: a small project is made, searched, changed, packed, checked and
# thrown away. Runs in an empty directory, as root, without a network.
set -euo pipefail
umask 022
top=$PWD

say() { printf '%s: %s\n' "$1" "${*:2}" >> log; }
fail() { say failed "$@"; exit 1; }
expect() {
    local expected=$1 found
    shift
    found=$("$@")
    [ "$found" = "$expected" ] || fail "$* said '$found', not '$expected'"
}
# A command that is refused, and says so.
refused() { if "$@" 2>> "$top/refusals"; then fail "$* was not refused"; fi; }

### Directories and files

mkdir -p project/{src,doc,data/{raw,clean},build}
mkdir -m 1777 shared
mkdir -m 700 private
touch project/README project/doc/{one,two,three}.txt
for number in $(seq 1 12); do
    echo "line $number" > "project/data/raw/$number.txt"
done
cat > project/src/main.c <<'END'
#include <stdio.h>

int main(void) {
    puts("TODO: say something");
    return 0;
}
END
cat > project/src/list.csv <<'END'
name,city,amount
Ada,London,36
Grace,New York,85
Edsger,Rotterdam,72
Barbara,Boston,68
Ken,New Orleans,80
END
printf 'key = %s\n' one two three > project/settings
: > project/empty
echo more >> project/README
say made "$(find project -type f | wc -l) files"

### Names with everything in them

strange=$'a name with blanks, "quotes", \\ and a\nnewline'
echo strange > "$strange"
cat "$strange" > /dev/null
mv "$strange" 'Größe in µm'
ln 'Größe in µm' $'bytes \xff\xfe'
rm 'Größe in µm' $'bytes \xff\xfe'
touch -- '-rf' '*' ' ' '#comment#' '>' '(deleted)' 'x (deleted)'
cat < 'x (deleted)' > '(deleted)'
rm -- '-rf' '*' ' ' '#comment#' '>' '(deleted)' 'x (deleted)'

### Links

ln -s ../src/main.c project/doc/main.c
ln -s nowhere project/doc/dangling
ln -s project/data data
ln project/README project/README.again
ln -sf three.txt project/doc/latest
cat project/doc/main.c data/raw/1.txt > both
readlink -f project/doc/main.c > /dev/null
echo appended >> project/doc/latest
cp -P project/doc/dangling project/doc/dangling.too
refused cat project/doc/dangling
rm project/doc/dangling project/doc/dangling.too data

### Copies, moves and removals

cp project/README copy
cp -a project kept
cp -r --no-preserve=mode project/data more
mv copy moved
mv moved project/build/
mv -n project/doc/one.txt project/doc/two.txt
install -m 600 -o 0 -g 0 both project/build/secret
install -d -m 750 project/build/deep/er
rm -f not-there
rm -r more
rmdir shared
refused rmdir project
refused mkdir project
refused mkdir nowhere/below
rm -rf kept
mv project/data/raw/12.txt project/data/raw/11.txt
unlink project/data/raw/11.txt

### Who may do what

chmod 640 project/settings
chmod -R u+rwX,go-w project/data
chmod +t private
chown 0:0 project/settings
chown -R 1:1 project/data/clean
chown -h :1 project/doc/latest
chgrp 0 project/data/clean
touch -d '2020-01-02 03:04:05' project/doc/two.txt
truncate -s 100 project/empty
truncate -s 0 project/empty
dd if=/dev/zero of=project/data/zeroes bs=512 count=4 status=none
stat -c '%a %u %s' project/settings > /dev/null
expect 640 stat -c %a project/settings
mkfifo pipe
mknod null c 1 3
echo nothing > null
rm null

### Redirections

exec 3> third 4< both
echo three >&3
read -r first <&4
exec 3>&- 4<&-
expect 'three' cat third
{ echo out; echo err >&2; } > out 2> err
echo both >> out 2>&1
cat <<< 'here string' > here
cat > document <<END
expanded: $first
END
set -o noclobber
refused bash -c 'set -o noclobber; echo again > out'
set +o noclobber
echo through > pipe &
read -r line < pipe
wait
expect 'through' echo "$line"
diff <(sort both) <(sort -r both | tac) > /dev/null || say differs both
exec 5<> both
read -r first <&5
exec 5>&-

### Text

sed -i 's/TODO: say something/Hello/' project/src/main.c
expect 1 grep -c Hello project/src/main.c
grep -rl line project/data | sort | head -n 3 > found
grep -q nothing-like-this found || say nothing found
awk -F, 'NR > 1 { sum += $3 } END { print sum }' project/src/list.csv > sum
expect 341 cat sum
cut -d, -f2 project/src/list.csv | tail -n +2 | sort -u | tr a-z A-Z > cities
paste -d: cities cities | tee pasted | wc -l > lines
sort -t, -k3 -n -o sorted project/src/list.csv
join -t, <(sort project/src/list.csv) <(sort project/src/list.csv) > joined
split -l 2 sorted piece.
cat piece.* | cmp - sorted
comm -12 <(sort cities) <(sort pasted) > common
seq 100 | shuf --random-source=/dev/zero | sort -n | uniq -c > counted
fold -w 10 project/src/main.c | nl | expand > folded
tac log | rev | rev | tac > again
cmp log again
od -An -tx1 both | head -n 1 > /dev/null
printf '%s\n' a b c | xargs -n 1 -P 2 sh -c 'echo "$0" > "x.$0"'
find project -name '*.txt' -newer project/settings -exec wc -l {} + > sizes
find project -name '*.txt' -print0 | xargs -0 grep -l appended > appended
find . -maxdepth 1 -name 'piece.*' -delete
find project -depth -type d -empty -exec rmdir {} \;
base64 both | base64 -d | cmp - both
sha256sum project/doc/*.txt > sums
sha256sum --quiet -c sums
md5sum < both > /dev/null

### Packing

gzip -k log
gunzip -c log.gz | cmp - log
gzip -d < log.gz > log.again
tar -cf project.tar project
tar -rf project.tar log
tar -tf project.tar > members
mkdir unpacked
tar -xf project.tar -C unpacked --strip-components=1
diff -r project/src unpacked/src

### Processes

true && ! false
(cd project && pwd > where && cd data/raw && cat 1.txt > /dev/null)
(exit 7) || expect 7 echo $?
sh -c 'exit 3' || expect 3 echo $?
env -i PATH="$PATH" NAME=value sh -c 'echo $NAME' > environment
nice -n 1 true
nohup true > /dev/null 2>&1
setsid true
command -v ls > /dev/null
type -t say > /dev/null
( trap 'echo caught >> signals' USR1; kill -USR1 "$BASHPID"; true )
sleep 100 &
kill "$!"
wait "$!" || expect 143 echo $?
sh -c 'kill -KILL $$' || expect 137 echo $?
bash -c 'trap "" TERM; kill -TERM $$; exit 5' || expect 5 echo $?
# Double fork: nobody waits for the last one but what it leaves behind.
(sh -c 'sh -c "sleep 0.1; echo orphan > orphan" &' &)
until [ -s orphan ]; do sleep 0.05; done
coproc WORKER { while read -r word; do echo "got $word"; done; }
worker=$WORKER_PID
echo word >&"${WORKER[1]}"
read -r answer <&"${WORKER[0]}"
expect 'got word' echo "$answer"
eval "exec ${WORKER[1]}>&-"
wait "$worker"
for job in 1 2 3 4; do
    (echo "$job" > "job.$job"; mv "job.$job" "done.$job"; cat "done.$job" > /dev/null) &
done
wait
expect 4 sh -c 'ls done.* | wc -l'

### Programs of one's own, good and bad ones: they stay, for the test reads whose scripts they are

mkdir own
cd own
cat > hello <<'END'
#!/bin/sh -e
echo "hello, $1"
END
refused ./hello world
chmod +x hello
expect 'hello, world' ./hello world
ln -s hello greet
expect 'hello, links' ./greet links
cat > through <<'END'
#! ./hello
END
chmod +x through
expect 'hello, ./through' ./through again
cat > bare <<'END'
echo "no interpreter is named"
END
chmod +x bare
expect 'no interpreter is named' ./bare
printf '#!/no/such/interpreter\n' > broken
chmod +x broken
refused ./broken
printf '\x7fELF but no more' > torn
chmod +x torn
refused ./torn
refused ./.
refused ./not-there
cp /bin/true mine
./mine
PATH="$PWD:$PATH" mine
bash -c 'exec -a another-name ./mine with arguments'
cd ..

### Temporary files

temporary=$(mktemp)
directory=$(mktemp -d -p .)
echo temporary > "$temporary"
cp "$temporary" "$directory/copy"
rm "$temporary"
rm -r "$directory"
TMPDIR=$PWD sort -S 1k -T "$PWD" members > /dev/null

### Rotation, a lock, a report

for age in 3 2 1; do
    [ ! -e "log.$age" ] || mv "log.$age" "log.$((age + 1))"
done
cp log log.1
: > log
(
    flock -n 9
    refused flock -n lock true
    echo "held by $BASHPID" > owner
) 9> lock
rm lock
date -u -d @0 +%Y > report
expect 1970 cat report
uname -s >> report
id -u >> report
df . | tail -n 1 >> report
du -s project >> report
ls -laR project >> report
sync report

### Somebody else

setpriv --reuid=1 --regid=1 --clear-groups sh -c '
    cat private/secret 2> /dev/null || :
    echo no 2> /dev/null > project/README || :
    rm -f project/README 2> /dev/null || :
    mkdir project/mine 2> /dev/null || :
    chmod 777 project 2> /dev/null || :
    ln -s x project/x 2> /dev/null || :
    mv project/README project/moved 2> /dev/null || :
    kill -TERM 1 2> /dev/null || :'
expect 1 setpriv --reuid=1 --clear-groups id -u

### Away with it

rm -f x.? done.? folded counted common joined
rm -r project unpacked private project.tar
find . -maxdepth 1 -type f -delete
